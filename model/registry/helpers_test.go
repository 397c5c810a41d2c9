package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"foxhunt/model/modeltest"
)

// refused fails the test if err is not an [*Error] of this code.
func refused(t testing.TB, err error, code string) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) || failed.Code != code {
		t.Fatalf("the error is %v; want %s", err, code)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, data, 0o600))
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

// variant is a model that differs from others by n.
func variant(t testing.TB, n int) []byte {
	return append(modeltest.Plain(t), bytesField(14, entryOf("variant", fmt.Sprint(n)))...) // metadata
}

func bytesField(id protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, id, protowire.BytesType), content)
}

func numberField(id protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, id, protowire.VarintType), n)
}

func entryOf(key, value string) []byte {
	return append(bytesField(1, []byte(key)), bytesField(2, []byte(value))...)
}

// externalTensor is a TensorProto that keeps its values elsewhere: pairs of keys and values.
func externalTensor(pairs ...string) []byte {
	tensor := append(numberField(2, 1), bytesField(8, []byte("weights"))...)
	for i := 0; i < len(pairs); i += 2 {
		tensor = append(tensor, bytesField(externalData, entryOf(pairs[i], pairs[i+1]))...)
	}
	return append(tensor, numberField(dataLocation, 1)...)
}

// modelOf is a ModelProto whose graph has these initializers.
func modelOf(tensors ...[]byte) []byte {
	var graph []byte
	for _, tensor := range tensors {
		graph = append(graph, bytesField(5, tensor)...)
	}
	return append(numberField(1, 8), bytesField(7, graph)...)
}

// split writes a model to a file, and the values of its tensors to another in the same folder.
func split(t testing.TB, data []byte, path, weights string) {
	t.Helper()
	var values []byte
	w := walker{func(tensor []byte) (*rope, error) {
		var raw []byte
		rest := &rope{}
		err := eachField(tensor, func(f field) error {
			if f.id == rawData {
				raw = f.bytes
			} else {
				rest.add(tensor[f.start:f.end])
			}
			return nil
		})
		for _, pair := range [][2]string{{"location", weights}, {"offset", fmt.Sprint(len(values))}, {"length", fmt.Sprint(len(raw))}} {
			rest.add(bytesField(externalData, entryOf(pair[0], pair[1])))
		}
		rest.add(numberField(dataLocation, 1))
		values = append(values, raw...)
		return rest, err
	}}
	out, err := w.walk(modelProto, data, 0)
	must(t, err)
	var text bytes.Buffer
	must(t, out.writeTo(&text, nil))
	write(t, path, text.Bytes())
	write(t, filepath.Join(filepath.Dir(path), weights), values)
}
