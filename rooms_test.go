package foxhunt_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says which of foxhunt's rooms, and which modules from outside, each room may import: docs/architecture.md in a
// form that can fail.
var rooms = map[string][]string{
	"messages":                  {"github.com/vmihailenco/msgpack/v5"},
	"dsp":                       {},
	"geo":                       {},
	"contract":                  {"dsp"},
	"features":                  {"contract", "dsp", "geo", "messages"},
	"cache":                     {"github.com/redis/go-redis/v9", "github.com/maypok86/otter/v2"},
	"cache/redistest":           {},
	"jetstream":                 {"messages", "rollout", "meeting", "github.com/nats-io", "golang.org/x/sync"},
	"jetstream/jetstreamtest":   {"jetstream"},
	"rollout":                   {},
	"rollout/rollouttest":       {"rollout"},
	"metrics":                   {"github.com/prometheus"},
	"gateway":                   {"messages", "golang.org/x/sync"},
	"model":                     {"contract", "dsp", "github.com/yalue/onnxruntime_go", "google.golang.org/protobuf", "golang.org/x/sys"},
	"model/graph":               {"google.golang.org/protobuf"},
	"model/grid":                {"model/graph", "contract", "dsp"},
	"model/golden":              {"model", "contract", "features", "messages", "sim", "geo", "dsp"},
	"model/modeltest":           {"model", "model/graph", "contract", "dsp", "google.golang.org/protobuf"},
	"model/registry":            {"model", "contract", "github.com/goccy/go-yaml", "google.golang.org/protobuf"},
	"model/registry/mlflowtest": {},
	"worker":                    {"messages", "meeting", "contract", "features", "dsp", "geo", "golang.org/x/sync", "github.com/vmihailenco/msgpack/v5", "github.com/HdrHistogram/hdrhistogram-go"},
	"serving":                   {"model", "model/registry", "rollout", "golang.org/x/sync"},
	"station":                   {"messages", "github.com/goccy/go-yaml"},
	"station/receiver":          {"messages", "station"},
	"station/cutter":            {"messages", "station/receiver"},
	"station/clock":             {"golang.org/x/sys"},
	"station/requests":          {"messages", "station/cutter", "golang.org/x/time"},
	"station/fitness":           {"messages", "dsp", "station/receiver", "station/clock"},
	"station/spool":             {"messages"},
	"station/status":            {"station/spool"},
	"sim":                       {"messages", "geo", "dsp"},
	"meeting":                   {"messages", "github.com/goccy/go-yaml", "golang.org/x/sync"},
	"meeting/meetingtest":       {"meeting"},
	"doctor":                    {"jetstream", "messages", "cache", "model", "rollout", "github.com/nats-io/nats.go"},
	"chaos":                     {"messages", "jetstream", "sim", "geo", "model/modeltest", "github.com/nats-io"},
	"loadtest":                  {"messages", "jetstream", "sim", "geo", "github.com/HdrHistogram/hdrhistogram-go"},
	"compare":                   {"messages"},
	"evaluate":                  {"sim", "features", "contract", "model", "geo", "messages", "dsp", "golang.org/x/sync"},
	"examples":                  {}, // clients in other languages, and their tests
	"tracing":                   {"go.opentelemetry.io/otel"},
	"tracing/tracingtest":       {"go.opentelemetry.io/proto/otlp", "google.golang.org/protobuf"},
	"deploy":                    {}, // the image, compose files and manifests, and their tests
	"deploy/nats":               {}, // configuration, and its tests
	"deploy/prometheus":         {}, // rules and dashboards, and their tests
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// TestRooms holds the imports of every room against the plan of the house. cmd/foxhunt wires the rooms together and may
// import them all.
func TestRooms(t *testing.T) {
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, "foxhunt/")
		if room == "foxhunt" || strings.HasPrefix(room, "cmd/") {
			continue
		}
		allowed, known := rooms[room]
		if !known {
			t.Errorf("room %s is not in the plan; add it here and to docs/architecture.md", room)
		}
		for _, path := range p.Imports {
			if !mayImport(allowed, path) {
				t.Errorf("room %s must not import %s", room, path)
			}
		}
	}
}

func mayImport(allowed []string, path string) bool {
	path = strings.TrimPrefix(path, "foxhunt/")
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") && !isRoom(path) {
		return true // the standard library
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return path == a || strings.Contains(a, ".") && strings.HasPrefix(path, a+"/")
	})
}

func isRoom(path string) bool {
	_, known := rooms[path]
	return known || strings.HasPrefix(path, "cmd/foxhunt")
}

func listPackages(t *testing.T) (packages []goPackage) {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "./...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
