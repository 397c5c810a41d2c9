package station

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// sigmfInt is a whole number of metadata. Python and JavaScript programs write some as 0.0 or 1e6.
type sigmfInt int64

// UnmarshalJSON reads whole numbers however they are written.
func (n *sigmfInt) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if whole, err := strconv.ParseInt(string(text), 10, 64); err == nil { // all of its digits count
		*n = sigmfInt(whole)
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return &json.UnmarshalTypeError{Value: fmt.Sprintf("%.40s", text), Type: reflect.TypeFor[sigmfInt]()}
	}
	*n = sigmfInt(f)
	return nil
}

// sigmfExtensions are those that a recording uses. Before SigMF 1.0 they were an object of names and versions, which said of none
// that it is needed.
type sigmfExtensions []sigmfExtension

// UnmarshalJSON reads a list, and takes nothing from an object.
func (e *sigmfExtensions) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("{")) {
		return nil
	}
	return json.Unmarshal(text, (*[]sigmfExtension)(e))
}

// refuseJSON says why a text is no metadata, of a value of the wrong type in words that are not Go's.
func refuseJSON(err error, name string) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return refuse(CodeBadSigMF, "%s is no SigMF metadata: %.200q", name, err.Error())
	}
	want := "an object"
	switch wrong.Type.Kind() {
	case reflect.Int64:
		want = "a whole number"
	case reflect.Float64:
		want = "a number"
	case reflect.String:
		want = "a text"
	case reflect.Bool:
		want = "true or false"
	case reflect.Slice:
		want = "a list"
	}
	return refuse(CodeBadSigMF, "%s is no SigMF metadata: %.80q is %.60q; want %s", name, wrong.Field, wrong.Value, want)
}
