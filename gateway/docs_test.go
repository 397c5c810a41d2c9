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

// statuses are those of the answers to captures that became dead letters, by the letters' codes.
var statuses = map[int]string{
	400: "empty not_msgpack truncated trailing_bytes too_deep duplicate_key missing_field bad_type bad_version bad_id bad_text " +
		"bad_freq bad_subject reserved_network bad_truth no_receivers too_few_receivers too_many_receivers duplicate_station bad_station source_mismatch " +
		"bad_position null_island bad_altitude no_centroid bad_time bad_sigma bad_rate bad_gain bad_format bad_iq_length " +
		"bad_samples no_overlap frequency_mismatch rate_mismatch too_short bad_shape bad_size no_baseline unfit_for_model",
	409: "duplicate_id late repeated_station",
	413: "too_large",
	422: "bad_output beyond_horizon bad_covariance degenerate_covariance ellipse_too_large bad_fix",
	500: "panic kills_workers gave_up max_deliveries",
}

// TestDeadLettersHaveTheirStatus expects a status for every code of a dead letter that docs/messages.md knows.
func TestDeadLettersHaveTheirStatus(t *testing.T) {
	doc, err := os.ReadFile("../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| code | the capture |")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`[a-z_`, ]+`"+`) \|`).FindAllStringSubmatch(table, -1) {
		for code := range strings.SplitSeq(row[1], ", ") {
			documented[strings.Trim(code, "`")] = true
		}
	}
	delete(documented, "bad_dead_letter") // no letter has it: a command's word for what is none
	for status, codes := range statuses {
		for code := range strings.FieldsSeq(codes) {
			if p := deadProblem(&messages.DeadLetter{Reason: code, Sentence: "no"}, inJSON); p.Status != status || p.Code != code {
				t.Errorf("%s is answered %d %s; want %d", code, p.Status, p.Code, status)
			}
			if !documented[code] {
				t.Errorf("docs/messages.md does not explain %s", code)
			}
			delete(documented, code)
		}
	}
	for code := range documented {
		t.Errorf("no status is decided for %s", code)
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
	for _, sometimes := range []string{"geojson", "arm", "experiment", "fallback", "truth"} {
		fix[sometimes] = nil
	}
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
	for _, limit := range []string{fmt.Sprintf(`"maxItems": %d`, MaxBatch), `"maxItems": 32`, `"type": "mutualTLS"`} {
		if !strings.Contains(string(openAPIDocument), limit) {
			t.Errorf("the description lacks %s", limit)
		}
	}
}
