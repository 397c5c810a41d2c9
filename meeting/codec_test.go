package meeting

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"foxhunt/messages"
)

func TestEntryIsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, e := range []*Entry{anEntry(Open, 1), anEntry(Open, 2).withBuried(&Member{Place: Place{9, noon}, Station: "B"}, CodeTooLarge), anEntry(Closed, 32-6), anEntry(Refused, 3), anEntry(Done, 3)} {
		got, err := DecodeEntry(e.Encode())
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v is read as %+v, %v", e, got, err)
		}
	}
}

// TestLargestEntryFits: names and ids of full length in every place.
func TestLargestEntryFits(t *testing.T) {
	t.Parallel()
	e := anEntry(Refused, 1)
	e.Event, e.Reason = strings.Repeat("\x01", messages.MaxTextBytes), strings.Repeat("\x01", maxReasonBytes)
	for len(e.Members) < messages.MaxReceivers {
		m := aMember("A", 1<<63, 0)
		m.Station = strings.Repeat("A", 62) + string(rune('a'+len(e.Members)/26)) + string(rune('a'+len(e.Members)%26))
		m.ID = strings.Repeat("B", messages.MaxIDLength)
		m.Left = CodeFrequencyMismatch
		e.Members = append(e.Members, m)
	}
	for range mostBuried + 1 {
		e.Buried = lastBuried(append(e.Buried, Buried{Place{1<<64 - 1, noon}, strings.Repeat("A", messages.MaxTokenLength), strings.Repeat("\x01", maxCodeBytes), noon}))
	}
	if _, err := DecodeEntry(e.Encode()); err != nil {
		t.Error(err)
	}
}

func TestHostileEntries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Entry)
		words  string
	}{
		"state":        {func(e *Entry) { e.State = "perhaps" }, "state"},
		"frequency":    {func(e *Entry) { e.Frequency = -1 }, "frequency"},
		"opened":       {func(e *Entry) { e.Opened = 0 }, "time or count"},
		"until":        {func(e *Entry) { e.Until = -1 }, "time or count"},
		"begun":        {func(e *Entry) { e.Begun = 3 }, "time or count"},
		"event":        {func(e *Entry) { e.Event = strings.Repeat("x", 300) }, "too long"},
		"no members":   {func(e *Entry) { e.Members = nil }, "0 members"},
		"many members": {func(e *Entry) { e.Members = append(e.Members, anEntry(Open, 32).Members...) }, "members"},
		"twice":        {func(e *Entry) { e.Members[1].Station = "A" }, "A is in it twice"},
		"station":      {func(e *Entry) { e.Members[0].Station = "a.b" }, "station"},
		"id":           {func(e *Entry) { e.Members[0].ID = "" }, "id"},
		"sequence":     {func(e *Entry) { e.Members[0].Sequence = 0 }, "place or time"},
		"end":          {func(e *Entry) { e.Members[0].End = e.Members[0].Start - 1 }, "place or time"},
		"size":         {func(e *Entry) { e.Members[0].Size = messages.MaxCaptureBytes + 1 }, "bytes"},
		"much buried":  {func(e *Entry) { e.Buried = make([]Buried, mostBuried+1) }, "before it"},
		"buried":       {func(e *Entry) { e.Buried = []Buried{{Place{1, noon}, "A", "late", -1}} }, "before it"},
		"buried of":    {func(e *Entry) { e.Buried = []Buried{{Place{1, noon}, "a.b", "late", 1}} }, "before it"},
		"left":         {func(e *Entry) { e.Members[0].Left = strings.Repeat("x", 65) }, "code"},
	} {
		e := anEntry(Open, 2)
		c.change(e)
		if _, err := DecodeEntry(e.Encode()); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v; want %q", name, err, c.words)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "another version": `{"v":2}`, "a list": "[]", "large": strings.Repeat(" ", maxEntryBytes+1),
	} {
		if _, err := DecodeEntry([]byte(text)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// FuzzEntry: whatever is in the bucket, nothing breaks, and what is read is written the same and fits together.
func FuzzEntry(f *testing.F) {
	f.Add(anEntry(Open, 3).Encode())
	f.Add(anEntry(Refused, 1).Encode())
	f.Add(anEntry(Refused, 2).withBuried(&Member{Place: Place{9, noon}, Station: "B"}, CodeTooLarge).Encode())
	f.Add([]byte(`{"v":1,"state":"closed","members":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		again, err := DecodeEntry(e.Encode())
		if err != nil || !bytes.Equal(again.Encode(), e.Encode()) {
			t.Fatalf("%s is written as %s: %v", b, e.Encode(), err)
		}
		v := aView(aMember("A", 1, 0), func(v *view) { v.open, v.ended, v.deliveries, v.now = e, again, 2, e.Opened+1e12 })
		for _, v.ended = range []*Entry{again, nil} {
			d, err := v.decide()
			if err != nil {
				t.Fatal(err)
			}
			if d.write != nil && v.now < messages.MaxStartTime-1e12 && reread(d.write) != nil {
				t.Fatalf("from %s it writes %s, which cannot be read: %v", b, d.write.Encode(), reread(d.write))
			}
		}
	})
}
