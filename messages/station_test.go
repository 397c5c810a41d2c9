package messages

import "testing"

func TestSequence(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, "9007199254740992": 1 << 53,
		"": 0, "0": 0, "-1": 0, "+1": 0, "1.5": 0, "x": 0, " 1": 0, "9007199254740993": 0, "99999999999999999999": 0,
	} {
		if got := Sequence(map[string][]string{SequenceHeader: {text}}); got != want {
			t.Errorf("header %q is number %d, want %d", text, got, want)
		}
	}
	if got := Sequence(nil); got != 0 {
		t.Errorf("no headers are number %d, want 0", got)
	}
	if got := Sequence(map[string][]string{SequenceHeader: {"7", "8"}}); got != 7 {
		t.Errorf("two headers are number %d, want the first, 7", got)
	}
}

func TestTickEvent(t *testing.T) {
	for _, c := range []struct {
		frequency float64
		tick      int64
		want      string
	}{
		{77500, 1597301545_000000000, "77500-20200813T065225Z"},
		{77499.6, 1597301545_250000000, "77500-20200813T065225.25Z"},
		{2.4e9, 1, "2400000000-19700101T000000.000000001Z"},
	} {
		if got := TickEvent(c.frequency, c.tick); got != c.want {
			t.Errorf("TickEvent(%g, %d) is %s, want %s", c.frequency, c.tick, got, c.want)
		}
	}
}
