package registry

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		ref    Ref
		moving bool
	}{
		"grid":                              {Ref{Kind: KindBuiltin, Name: "grid"}, false},
		"model.onnx":                        {Ref{Kind: KindFile, Name: "model.onnx"}, true},
		"./models":                          {Ref{Kind: KindFile, Name: "models"}, true},
		"file:models":                       {Ref{Kind: KindFile, Name: "models"}, true},
		"/models/a:b/":                      {Ref{Kind: KindFile, Name: "/models/a:b"}, true},
		"file:///models/m.onnx":             {Ref{Kind: KindFile, Name: "/models/m.onnx"}, true},
		"models:/locator@champion":          {Ref{Kind: KindMLflow, Name: "locator", Alias: "champion"}, true},
		"models:/my model/3":                {Ref{Kind: KindMLflow, Name: "my model", Version: "3"}, false},
		"models:/locator/production":        {Ref{Kind: KindMLflow, Name: "locator", Stage: "Production"}, true},
		"models:/locator/latest":            {Ref{Kind: KindMLflow, Name: "locator", Stage: "latest"}, true},
		"models:///main.radio.fox/Archived": {Ref{Kind: KindMLflow, Name: "main.radio.fox", Stage: "Archived"}, true},
		"nats:locator":                      {Ref{Kind: KindNATS, Name: "locator"}, true},
		"nats:locator@2026-11-23":           {Ref{Kind: KindNATS, Name: "locator", Version: "2026-11-23"}, false},
	} {
		got, err := ParseRef(text)
		if err != nil || got != want.ref || got.Moving() != want.moving {
			t.Errorf("ParseRef(%q) is %+v, moving %t (%v); want %+v, %t", text, got, got.Moving(), err, want.ref, want.moving)
		}
		if again, err := ParseRef(got.String()); again != got || err != nil {
			t.Errorf("%q becomes %q, which is %+v (%v)", text, got.String(), again, err)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "Grid", "gr id", "grid\n", "grid\x1b[31m", "a\u202eb.onnx", "\xff.onnx", strings.Repeat("a", 600), "/" + strings.Repeat("a", MaxRef-2),
		"file:", "file://host/model.onnx", "models:locator", "models:/", "models:/locator", "models:/locator@", "models:/@champion",
		"models:/locator@a@b", "models:/locator/0", "models:/locator/-1", "models:/locator/3/4", "models:/locator/Best", "models:/a:b/3",
		"models:/m-0123456789abcdef", "model:/locator/3", "s3://bucket/model.onnx", "http://host/model.onnx", "nats:", "nats:a b", "nats:a@", "nats:*", "nats:a/b", "nats:a@>",
	} {
		ref, err := ParseRef(text)
		var failed *Error
		if !errors.As(err, &failed) || failed.Code != BadRef || failed.Passing() || ref != (Ref{}) {
			t.Errorf("ParseRef(%q) is %+v (%v); want bad_ref", text, ref, err)
		}
	}
}

func TestRefIsTextInJSON(t *testing.T) {
	t.Parallel()
	want := Artifact{Ref: Ref{Kind: KindMLflow, Name: "a", Version: "7"}}
	text, err := json.Marshal(want)
	if err != nil || !strings.Contains(string(text), `"models:/a/7"`) {
		t.Fatalf("%s (%v)", text, err)
	}
	var got Artifact
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%+v (%v)", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Ref":"models:/a"}`), &got); err == nil {
		t.Error("a text that is no reference is taken")
	}
	if text := (Ref{}).String(); text != "" || (Ref{}).Moving() {
		t.Errorf("no reference is %q", text)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"grid", "./a", "file:///a//b/..", "models:/a@b", "models:/a/3", "models:/a/None", "nats:a@b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseRef(text)
		if err != nil {
			return
		}
		canonical := ref.String()
		if len(canonical) > MaxRef || strings.ContainsFunc(canonical, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q becomes %q", text, canonical)
		}
		if again, err := ParseRef(canonical); err != nil || again != ref {
			t.Fatalf("%q becomes %q, which is %+v (%v); want %+v", text, canonical, again, err, ref)
		}
	})
}
