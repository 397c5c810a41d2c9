package registry

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"foxhunt/model"
)

// maxLocations bounds how many files a model's weights may be in.
const maxLocations = 1000

// external says where a tensor's values lie.
type external struct {
	location       string
	offset, length int64 // length -1: to the file's end
}

// inline gives a model as one file: what its tensors keep in files of root takes their place. It is nil if nothing does.
func inline(data []byte, root *os.Root) (*rope, error) {
	if err := hasGraph(data); err != nil {
		return nil, err
	}
	total := int64(len(data)) // a file may be referred to again and again, so the sum is bounded
	w := walker{func(tensor []byte) (*rope, error) {
		e, err := readExternal(tensor)
		if e == nil || err != nil {
			return nil, err
		}
		if err := e.measure(root); err != nil {
			return nil, err
		}
		if total += e.length; total > model.MaxModelBytes {
			return nil, fail(TooLarge, "with its weights the model is larger than %d MiB", model.MaxModelBytes>>20)
		}
		return e.inTensor(tensor)
	}}
	return w.walk(modelProto, data, 0)
}

// locations lists the files that a model's weights are in.
func locations(data []byte) ([]string, error) {
	var found []string
	w := walker{func(tensor []byte) (*rope, error) {
		e, err := readExternal(tensor)
		if e != nil && !slices.Contains(found, e.location) {
			found = append(found, e.location)
		}
		if len(found) > maxLocations {
			return nil, fail(BadExternalData, "the model's weights are in more than %d files", maxLocations)
		}
		return nil, err
	}}
	_, err := w.walk(modelProto, data, 0)
	return found, err
}

func hasGraph(data []byte) error {
	found := false
	err := eachField(data, func(f field) error {
		found = found || f.kind == protowire.BytesType && modelProto.field(f.id) == graphProto
		return nil
	})
	if err == nil && !found {
		err = fail(BadModel, "the file holds no ONNX graph")
	}
	return err
}

// The fields of TensorProto that matter here.
const (
	rawData      = 9
	externalData = 13
	dataLocation = 14
)

// readExternal says where a tensor's values lie, or nil if in the tensor itself.
func readExternal(tensor []byte) (*external, error) {
	e := external{length: -1}
	outside := false
	err := eachField(tensor, func(f field) error {
		switch f.id {
		case dataLocation:
			outside = f.number == 1
		case externalData:
			return e.entry(f.bytes)
		}
		return nil
	})
	switch {
	case err != nil || !outside:
		return nil, err
	case !filepath.IsLocal(e.location) || strings.ContainsAny(e.location, "\\\x00") || len(e.location) > MaxRef:
		return nil, fail(BadExternalData, "the model's weights are in %q, which is not a path inside its directory", oneLine(e.location, 120))
	}
	e.location = filepath.Clean(e.location)
	return &e, nil
}

// entry reads one StringStringEntryProto.
func (e *external) entry(data []byte) error {
	var key, value string
	err := eachField(data, func(f field) error {
		switch f.id {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch key {
	case "location":
		e.location = value
	case "offset":
		e.offset, err = strconv.ParseInt(value, 10, 64)
	case "length":
		e.length, err = strconv.ParseInt(value, 10, 64)
	}
	if err != nil || e.offset < 0 || e.length < -1 {
		return fail(BadExternalData, "a tensor's %s is %q", oneLine(key, 20), oneLine(value, 40))
	}
	return nil
}

// measure looks the stretch up in its file, and fills in the length if it is not stated.
func (e *external) measure(root *os.Root) error {
	file, size, err := openRegular(root.OpenFile, e.location)
	if err != nil {
		return because(BadExternalData, err, "the model's weights are in %q, which cannot be taken", oneLine(e.location, 120))
	}
	file.Close()
	if e.length < 0 {
		e.length = size - e.offset
	}
	if e.length < 0 || e.length > size || e.offset > size-e.length {
		return fail(BadExternalData, "%q has %d bytes, and a tensor is to be at %d", oneLine(e.location, 120), size, e.offset)
	}
	return nil
}

// inTensor gives the tensor with its values in it.
func (e *external) inTensor(tensor []byte) (*rope, error) {
	out := &rope{}
	err := eachField(tensor, func(f field) error {
		if f.id != rawData && f.id != externalData && f.id != dataLocation {
			out.add(tensor[f.start:f.end])
		}
		return nil
	})
	values := &rope{}
	values.addFile(e.location, e.offset, e.length)
	out.addMessage(rawData, values)
	return out, err
}
