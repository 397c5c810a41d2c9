package registry

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The bounds of MLmodel: of the file, whose signature may be long, and of the part that is parsed. The parser takes up to
// a second for 16 KiB that mean harm, and for more it takes ever longer.
const (
	maxMLmodelBytes  = 1 << 20
	maxFlavoursBytes = 16 << 10
)

// readMLmodel gives the file that an MLmodel's onnx flavour names, which lies below the MLmodel's directory.
func readMLmodel(path string) (string, error) {
	text, err := readBounded(path, maxMLmodelBytes)
	if err != nil {
		return "", err
	}
	block := flavoursBlock(text)
	if len(block) > maxFlavoursBytes {
		return "", fail(NoONNX, "MLmodel tells of its flavours in %d bytes; at most %d are read", len(block), maxFlavoursBytes)
	}
	// The tree is walked, and nothing decoded: decoding follows aliases, and a few lines of them stand for gigabytes.
	file, err := parser.ParseBytes(block, 0)
	if err != nil {
		return "", fail(NoONNX, "the file MLmodel cannot be read: %s", oneLine(err.Error(), maxReason))
	}
	if at(file, "$.flavors.onnx") == nil {
		return "", fail(NoONNX, "the model is saved as %s, not as onnx; save it with mlflow.onnx.log_model", oneLine(flavours(file), maxReason))
	}
	data, _ := at(file, "$.flavors.onnx.data").(*ast.StringNode)
	if data == nil || !filepath.IsLocal(data.Value) || len(data.Value) > MaxRef {
		return "", fail(NoONNX, "MLmodel names no file inside its directory as the model")
	}
	return filepath.Clean(data.Value), nil
}

// flavoursBlock cuts the lines about flavours out of an MLmodel: from the key to the next that begins a line.
func flavoursBlock(text []byte) []byte {
	var block []byte
	inside := false
	for line := range bytes.Lines(text) {
		if indented := strings.IndexByte(" \t\r\n#", line[0]) >= 0; !indented {
			inside = bytes.HasPrefix(line, []byte("flavors:"))
		}
		if inside {
			block = append(block, line...)
		}
	}
	return block
}

// at gives the node at a path, or nil.
func at(file *ast.File, path string) ast.Node {
	p, err := yaml.PathString(path)
	if err != nil {
		return nil
	}
	node, err := p.FilterFile(file)
	if err != nil {
		return nil
	}
	return node
}

// flavours lists what an MLmodel has.
func flavours(file *ast.File) string {
	found, _ := at(file, "$.flavors").(ast.MapNode)
	if found == nil {
		return "no flavour"
	}
	var names []string
	for each := found.MapRange(); each.Next(); {
		names = append(names, each.Key().String())
	}
	return strings.Join(names, ", ")
}
