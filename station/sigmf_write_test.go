package station

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// taken is a capture of three receivers, of different formats, rates and lengths.
func taken() *messages.Capture {
	c := &messages.Capture{Version: 1, ID: "0123456789abcdef0123456789abcdef", Event: "77500-20200813T065225Z", Session: "sëssion\n", Frequency: 77500.25,
		Cache: true, Truth: &messages.Position{Latitude: 50.0152, Longitude: 9.0108}}
	for i, format := range []messages.SampleFormat{messages.CU8, messages.CI16, messages.CF32} {
		iq := make([]byte, format.BytesPerSample()*(50+i))
		for k := range iq {
			iq[k] = byte(k) & 0x3f // small floats, too
		}
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: []string{"HB9ODP", "JO51xl", "pa0rdt"}[i], Latitude: 46.499351 + float64(i), Longitude: 8.798828, Altitude: 900.5 * float64(i-1),
			StartTime: 1597301540_123456789 + int64(i)*30_001, ClockSigma: 40.125 * float64(i), SampleRate: 12001.123456789 + float64(i), Gain: -3.25 * float64(i),
			Format: format, IQ: iq,
		})
	}
	return c
}

// writeTaken writes a recording for each receiver and returns their files.
func writeTaken(t testing.TB, c *messages.Capture, folder string, archive bool) (paths []string) {
	t.Helper()
	for i := range c.Receivers {
		s, err := NewSigMF(c, i, 7, Taken{Network: "dcf", Source: "dcf77", Reason: "no_overlap", Sentence: "a\x1bb"})
		if err != nil {
			t.Fatal(err)
		}
		path, err := s.Write(folder, archive, false)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// A capture that is written and read is the same but for its id.
func TestSigMFRoundTrip(t *testing.T) {
	for _, archive := range []bool{false, true} {
		c := taken()
		var recordings []*Recording
		for _, path := range writeTaken(t, c, t.TempDir(), archive) {
			r, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			recordings = append(recordings, r)
		}
		back, err := Bundle(recordings, nil, CaptureOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, back, c)
		alone, err := Sequence(recordings[1], nil, CaptureOptions{})
		if err != nil || len(alone) != 1 {
			t.Fatalf("%d captures, %v", len(alone), err)
		}
		c.Receivers = c.Receivers[1:2]
		wantSame(t, alone[0], c)
	}
}

func wantSame(t *testing.T, got, want *messages.Capture) {
	t.Helper()
	got.ID, got.Truth = want.ID, want.Truth // an id is given anew, and only simulations publish the truth
	a, err := got.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := want.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("the capture came back as\n%+v, was\n%+v", got, want)
	}
}

// The parts of a capture are cut where that is asked for, or if they are not of one.
func TestSigMFPartsAreCut(t *testing.T) {
	r := counted("A", 1_600_000_000*second+1, 12000, 24000)
	r.Part = "x"
	captures, err := Sequence(r, abc, CaptureOptions{Length: time.Second / 4})
	if err != nil || len(captures) != 7 {
		t.Errorf("%d captures, %v", len(captures), err)
	}
	other := counted("B", 1_600_000_000*second+1+second/2, 12000, 24000)
	for part, cut := range map[string]bool{"x": false, "y": true, "": true} {
		other.Part = part
		c, err := Bundle([]*Recording{r, other}, abc, CaptureOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Receivers[0].Samples() < 24000; got != cut {
			t.Errorf("parts of x and %q: cut is %v", part, got)
		}
	}
}

// What a worker refused is written as far as it makes sense, under names that lead nowhere.
func TestSigMFOfTheHostile(t *testing.T) {
	c := &messages.Capture{ID: "../../id", Event: strings.Repeat("e\xff", 1000), Frequency: math.NaN(), Truth: &messages.Position{Latitude: 91}, Receivers: []messages.Receiver{{
		Station: "/etc/passwd", Latitude: math.NaN(), Longitude: math.Inf(1), Altitude: math.Inf(-1), StartTime: math.MinInt64, ClockSigma: -1, SampleRate: math.NaN(),
		Gain: math.NaN(), Format: messages.CI16, IQ: make([]byte, 11),
	}, {Station: "a.b", Format: "cu99", IQ: make([]byte, 8)}, {Format: messages.CF32, IQ: make([]byte, 7)}}}
	s, err := NewSigMF(c, 0, 7, Taken{Reason: strings.Repeat("r", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "number7_rx0" || len(s.Data) != 8 || len(s.Meta) > 3000 {
		t.Errorf("%s, %d bytes of samples, %d of metadata", s.Name, len(s.Data), len(s.Meta))
	}
	var m map[string]any
	if err := json.Unmarshal(s.Meta, &m); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"core:sample_rate", "foxhunt:station", "foxhunt:capture_id", "foxhunt:gain_db", "foxhunt:truth"} {
		if value, there := m["global"].(object)[key]; there {
			t.Errorf("%s is %v", key, value)
		}
	}
	if segment := m["captures"].([]any)[0].(object); len(segment) != 1 {
		t.Errorf("the segment says %v", segment)
	}
	for i := 1; i < 3; i++ {
		_, err := NewSigMF(c, i, 7, Taken{})
		wantCode(t, err, CodeTooShort, "format that is known")
	}
	if name := sigmfName(c, 1, 9); name != "number9_rx1" {
		t.Errorf("named %s", name)
	}
}

func TestSigMFWriteOverwritesNothing(t *testing.T) {
	s, err := NewSigMF(taken(), 0, 1, Taken{})
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range []bool{false, true} {
		for _, ext := range []string{sigmfMetaExt, sigmfDataExt, sigmfArchiveExt} {
			if archive != (ext == sigmfArchiveExt) {
				continue
			}
			folder := t.TempDir()
			precious := filepath.Join(folder, "precious")
			if err := os.WriteFile(precious, []byte("keep"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(precious, filepath.Join(folder, s.Name+ext)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(folder, archive, false); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), s.Name+ext+" ") {
				t.Errorf("%s is there: %v", ext, err)
			}
			if files, err := os.ReadDir(folder); err != nil || len(files) != 2 {
				t.Errorf("%s is there: the folder holds %v, %v", ext, files, err)
			}
			path, err := s.Write(folder, archive, true)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(precious); err != nil || string(kept) != "keep" {
				t.Errorf("%s was a link, and what it names is now %q, %v", ext, kept, err)
			}
			if r, err := Open(path, Options{}); err != nil || !bytes.Equal(r.IQ, s.Data) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := s.Write(filepath.Join(t.TempDir(), "none"), false, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
	folder := filepath.Join(t.TempDir())
	for _, ext := range []string{sigmfDataExt, sigmfArchiveExt} {
		if err := os.MkdirAll(filepath.Join(folder, s.Name+ext, "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(folder, ext == sigmfArchiveExt, true); err == nil || !strings.Contains(err.Error(), ext) {
			t.Errorf("a folder was overwritten: %v", err)
		}
	}
	if files, err := os.ReadDir(folder); err != nil || slices.ContainsFunc(files, func(f fs.DirEntry) bool { return !f.IsDir() }) {
		t.Errorf("the folder holds %v, %v", files, err)
	}
}
