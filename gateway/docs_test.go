package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"foxhunt/messages"
)

// TestCodesAreDocumented looks in docs/gateway.md for every code of the gateway's own.
func TestCodesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("fault.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code\w+\s+= "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 15 {
		t.Fatalf("found %d codes; the pattern no longer fits", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(string(doc), "`"+code[1]+"`") {
			t.Errorf("docs/gateway.md does not explain %s", code[1])
		}
	}
}

// TestOpenAPIKnowsTheFields holds the schemas against the structs that are written, and the limits against those in force.
func TestOpenAPIKnowsTheFields(t *testing.T) {
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Paths) != 5 {
		t.Errorf("OpenAPI %s with %d pages", doc.OpenAPI, len(doc.Paths))
	}
	message := fixOf(t, "captures.a.b", "id").Data
	var decoded messages.Fix
	var fix, prediction map[string]any
	if err := errors.Join(json.Unmarshal(message, &decoded), json.Unmarshal(message, &fix)); err != nil {
		t.Fatal(err)
	}
	fix["geojson"] = nil // in the fixes of workers that are asked for it
	text, err := json.Marshal(newPrediction(&decoded))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &prediction); err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string]map[string]any{"Fix": fix, "Prediction": prediction} {
		want := slices.Sorted(maps.Keys(written))
		if have := slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties)); !slices.Equal(have, want) {
			t.Errorf("%s has %v; written are %v", name, have, want)
		}
	}
	for _, limit := range []string{fmt.Sprintf(`"maxItems": %d`, MaxBatch), `"maxItems": 32`} {
		if !strings.Contains(string(openAPIDocument), limit) {
			t.Errorf("the description lacks %s", limit)
		}
	}
}
