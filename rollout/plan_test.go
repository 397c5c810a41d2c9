package rollout_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"foxhunt/rollout"
)

// full is a plan with everything in it.
func full(t testing.TB) *rollout.Plan {
	t.Helper()
	p := promoted(t, "grid", "nats:a@1")
	must(t, p.StartSplit(rollout.Arm{Model: "models:/b/3", Digest: fmt.Sprintf("%064x", 11)}, hour(30), by("ops")))
	o := hour(40)
	o.Since = o.Since.Add(time.Minute)
	must(t, p.StartSplit(rollout.Arm{Model: "models:/b/3", Digest: fmt.Sprintf("%064x", 11)}, o, by("ops")))
	must(t, p.StartShadow(rollout.Arm{Model: "file:/models/c.onnx"}, 100, noon, 24*time.Hour, by("ops")))
	must(t, p.StopSplit("too many errors", by("worker-1")))
	return p
}

func TestPlanRoundTrip(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*rollout.Plan{"small": promoted(t, "grid"), "full": full(t)} {
		value, err := p.Encode()
		must(t, err)
		got, err := rollout.Decode(value)
		if err != nil || !reflect.DeepEqual(&got, p) {
			t.Errorf("%s: %v\n%+v\nwant\n%+v", name, err, got, *p)
		}
	}
}

// TestPlanStaysReadable holds today's foxhunt against what the first one wrote.
func TestPlanStaysReadable(t *testing.T) {
	t.Parallel()
	value, err := os.ReadFile("testdata/plan-v1.json")
	must(t, err)
	p, err := rollout.Decode(value)
	must(t, err)
	p.Challenger.Stopped = nil
	var in []string
	for i := range 20 {
		if session := fmt.Sprint("session-", i); p.Challenged(session, "", p.Challenger.Since.Add(time.Hour-1)) {
			in = append(in, session)
		}
	}
	if got, want := strings.Join(in, " "), "session-3 session-4 session-9 session-10 session-12 session-16 session-17 session-18"; got != want {
		t.Errorf("of the share of %v %% are\n%s\nwant\n%s", p.Challenger.Share, got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good, err := full(t).Encode()
	must(t, err)
	for name, test := range map[string]struct{ from, to, code string }{
		"a later version":         {`"v": 1`, `"v": 2, "new": {}`, rollout.CodeNewerPlan},
		"no version":              {`"v": 1`, `"v": 0`, rollout.CodeBadPlan},
		"an unknown field":        {`"v": 1`, `"v": 1, "vv": 1`, rollout.CodeBadPlan},
		"two values":              {"}\n", "} {}", rollout.CodeBadPlan},
		"not JSON":                {`{`, `[`, rollout.CodeBadPlan},
		"no champion":             {`"nats:a@1"`, `""`, rollout.CodeBadModel},
		"a terminal's command":    {`"nats:a@1"`, `"a\u001b[2J"`, rollout.CodeBadModel},
		"a long reference":        {`"nats:a@1"`, `"` + strings.Repeat("a", 1000) + `"`, rollout.CodeBadModel},
		"a digest":                {fmt.Sprintf("%064x", 11), strings.Repeat("G", 64), rollout.CodeBadModel},
		"a share above":           {`"share": 40`, `"share": 99.01`, rollout.CodeBadShare},
		"a share below":           {`"share": 40`, `"share": 0.5`, rollout.CodeBadShare},
		"an earlier share":        {`"share": 30`, `"share": 300`, rollout.CodeBadShare},
		"a shadow's share":        {`"share": 100`, `"share": 101`, rollout.CodeBadShare},
		"an error rate":           {`"max_error_rate": 0.05`, `"max_error_rate": -1`, rollout.CodeBadErrorRate},
		"a shadow's end":          {`"until": "2026-03-02T12:00:00Z"`, `"until": "2026-03-01T12:00:00Z"`, rollout.CodeBadTime},
		"a shadow's end of 1970":  {`"until": "2026-03-02T12:00:00Z"`, `"until": "1970-03-01T12:00:00Z"`, rollout.CodeBadTime},
		"a split for years":       {`"until": "2026-03-01T13:01:10Z"`, `"until": "2029-03-01T13:01:10Z"`, rollout.CodeBadTime},
		"a split that ends first": {`"until": "2026-03-01T13:01:10Z"`, `"until": "2026-03-01T11:01:10Z"`, rollout.CodeBadTime},
		"a time that overflows":   {`"until": "2026-03-01T13:01:10Z"`, `"until": "9999-03-01T13:01:10Z"`, rollout.CodeBadTime},
		"an earlier share's end":  {`"until": "2026-03-01T12:01:10Z"`, `"until": "2026-03-01T11:01:10Z"`, rollout.CodeBadTime},
		"an earlier end of 1970":  {`"until": "2026-03-01T12:01:10Z"`, `"until": "1970-03-01T11:01:10Z"`, rollout.CodeBadTime},
		"nobody stopped it":       {`"by": "worker-1"`, `"by": ""`, rollout.CodeBadText},
		"a reason":                {`"too many errors"`, `"` + strings.Repeat("a", 2000) + `"`, rollout.CodeBadText},
		"who changed it":          {`"by": "worker-1"`, `"by": "\u0007"`, rollout.CodeBadText},
		"a note":                  {`"note": "because"`, `"note": "two\nlines"`, rollout.CodeBadText},
	} {
		bad := strings.ReplaceAll(string(good), test.from, test.to)
		if bad == string(good) {
			t.Fatalf("%s: %s is not in\n%s", name, test.from, good)
		}
		if p, err := rollout.Decode([]byte(bad)); code(err) != test.code || p.V != 0 {
			t.Errorf("%s: %v; want %s", name, err, test.code)
		}
	}
	if _, err := rollout.Decode(make([]byte, rollout.MostBytes+1)); code(err) != rollout.CodeTooLarge {
		t.Errorf("a large one: %v", err)
	}
}

func TestValidateIDsAndCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*rollout.Plan)
		code   string
	}{
		"a split's id":  {func(p *rollout.Plan) { p.Challenger.ID = "a b" }, rollout.CodeBadText},
		"a shadow's id": {func(p *rollout.Plan) { p.Shadow.ID = "" }, rollout.CodeBadText},
		"too many before": {func(p *rollout.Plan) {
			p.Previous = make([]rollout.Arm, 21)
		}, rollout.CodeTooLarge},
		"one before":         {func(p *rollout.Plan) { p.Previous[0].Since = time.Time{} }, rollout.CodeBadTime},
		"too many shares":    {func(p *rollout.Plan) { p.Challenger.Earlier = make([]rollout.Step, 21) }, rollout.CodeTooLarge},
		"when it was ended":  {func(p *rollout.Plan) { p.Challenger.Stopped.At = time.Time{} }, rollout.CodeBadTime},
		"when it was change": {func(p *rollout.Plan) { p.Changed.At = time.Time{} }, rollout.CodeBadTime},
		"the challenger":     {func(p *rollout.Plan) { p.Challenger.Model = "" }, rollout.CodeBadModel},
		"the shadow":         {func(p *rollout.Plan) { p.Shadow.Model = "" }, rollout.CodeBadModel},
		"its end":            {func(p *rollout.Plan) { p.Challenger.Until = time.Time{} }, rollout.CodeBadTime},
	} {
		p := full(t)
		test.change(p)
		if _, err := p.Encode(); code(err) != test.code {
			t.Errorf("%s: %v; want %s", name, err, test.code)
		}
	}
	p := full(t)
	for range 40 { // the largest plan there can be
		p.Previous = append(p.Previous, rollout.Arm{Model: strings.Repeat("é", 256), Digest: fmt.Sprintf("%064x", 3), Since: noon})[:min(len(p.Previous)+1, 20)]
	}
	p.Changed.Note = strings.Repeat("a", 1024)
	if value, err := p.Encode(); err != nil || len(value) > rollout.MostBytes/2 {
		t.Errorf("the largest plan has %d bytes, %v", len(value), err)
	}
}

func TestArms(t *testing.T) {
	t.Parallel()
	digest := fmt.Sprintf("%064x", 0xabc)
	pinned := rollout.Arm{Model: "nats:a@1", Digest: digest}
	if got := pinned.String(); got != "nats:a@1 (000000000000)" {
		t.Errorf("it is written %s", got)
	}
	if got := (rollout.Arm{Model: "grid"}).String(); got != "grid" {
		t.Errorf("it is written %s", got)
	}
	for _, test := range []struct {
		a, b rollout.Arm
		want bool
	}{
		{pinned, rollout.Arm{Model: "models:/a/1", Digest: digest}, true},
		{pinned, rollout.Arm{Model: "nats:a@1"}, false},
		{rollout.Arm{Model: "grid"}, rollout.Arm{Model: "grid", Since: noon}, true},
		{rollout.Arm{Model: "grid"}, rollout.Arm{Model: "other"}, false},
	} {
		if test.a.Same(test.b) != test.want || test.b.Same(test.a) != test.want {
			t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
		}
	}
}

func TestNewChange(t *testing.T) {
	t.Parallel()
	c := rollout.NewChange(noon.Add(1234567), "", "a\tb\xff"+strings.Repeat("é", 1000))
	if c.By != "somebody" || !strings.HasPrefix(c.Note, "a b?éé") || len(c.Note) > 1024 || c.At.Nanosecond() != 1_000_000 {
		t.Errorf("the change is %+v", c)
	}
	p := promoted(t, "grid")
	must(t, p.Promote(rollout.Arm{Model: "x.onnx"}, c))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	busy := &rollout.Error{Code: rollout.CodeBusy}
	if !busy.Passing() || (&rollout.Error{Code: rollout.CodeBadPlan}).Passing() {
		t.Error("only busy passes")
	}
}

func FuzzDecode(f *testing.F) {
	good, err := full(f).Encode()
	must(f, err)
	f.Add(good)
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"champion":{"model":"grid","since":"2026-03-01T12:00:00Z"},"changed":{"at":"2026-03-01T12:00:00Z","by":"x"}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := rollout.Decode(value)
		if err != nil {
			if code(err) == err.Error() {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		q, err := rollout.Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		a, _ := json.Marshal(p)
		if b, _ := json.Marshal(q); string(a) != string(b) {
			t.Fatalf("%s\n%s", a, b)
		}
		p.Challenged("s", "c", noon)
		p.Shadowed("s", "c", noon)
	})
}
