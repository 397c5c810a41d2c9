package station

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"foxhunt/messages"
)

// pythonWithSigMF is the interpreter that FOXHUNT_PYTHON names, or python3, with the reference package.
func pythonWithSigMF(t *testing.T) string {
	t.Helper()
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import sigmf").Run(); err != nil {
		say := t.Skipf
		if os.Getenv("CI") == "true" {
			say = t.Fatalf
		}
		say("%s has no sigmf (%v): make python, or pip install -r station/testdata/requirements.txt and name the interpreter in FOXHUNT_PYTHON", python, err)
	}
	return python
}

func runSigMFCheck(t *testing.T, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), pythonWithSigMF(t), append([]string{"testdata/sigmf_check.py"}, args...)...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.Bytes())
	}
	return out
}

// The reference package finds what foxhunt writes valid, and the same samples in it.
func TestReferencePackageReadsOurs(t *testing.T) {
	t.Parallel()
	c := taken()
	paths := append(writeTaken(t, c, t.TempDir(), false), writeTaken(t, c, t.TempDir(), true)...)
	broken, err := NewSigMF(&messages.Capture{Receivers: []messages.Receiver{{Format: messages.CI8, IQ: make([]byte, 100)}}}, 0, 3, Taken{Reason: "bad_rate"})
	if err != nil {
		t.Fatal(err)
	}
	path, err := broken.Write(t.TempDir(), false, false)
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(runSigMFCheck(t, append([]string{"check"}, append(paths, path)...)...)))
	for i := range 2 * len(c.Receivers) {
		var read struct {
			Global   sigmfGlobal
			Captures []sigmfSegment
			Samples  [][2]float64
		}
		if err := answers.Decode(&read); err != nil {
			t.Fatal(err)
		}
		rx := &c.Receivers[i%len(c.Receivers)]
		if got, want := len(read.Samples), rx.Samples(); got != want {
			t.Fatalf("%s has %d samples, want %d", paths[i], got, want)
		}
		for n, sample := range read.Samples {
			if re, im := rawSample(t, rx, n); sample != [2]float64{re, im} {
				t.Fatalf("%s: sample %d is %v, want %g, %g", paths[i], n, sample, re, im)
			}
		}
		s, g := read.Captures[0], read.Global
		if g.SampleRate != rx.SampleRate || s.Datetime != messages.Instant(rx.StartTime).String() || s.Geolocation.Coordinates[1] != rx.Latitude ||
			s.Geolocation.Coordinates[2] != rx.Altitude || *s.Sigma != rx.ClockSigma || s.Frequency != c.Frequency || g.Reason != "no_overlap" || g.Event != c.Event {
			t.Errorf("%s is read as %+v, %+v", paths[i], g, s)
		}
	}
}

// rawSample is sample n as the numbers in the file.
func rawSample(t *testing.T, rx *messages.Receiver, n int) (re, im float64) {
	t.Helper()
	split := func() (float64, float64) {
		r, i := make([]float32, rx.Samples()), make([]float32, rx.Samples())
		if err := rx.Split(r, i); err != nil {
			t.Fatal(err)
		}
		return float64(r[n]), float64(i[n])
	}
	switch rx.Format {
	case messages.CU8:
		return float64(rx.IQ[2*n]), float64(rx.IQ[2*n+1])
	case messages.CI16:
		re, im = split()
		return re * 32768, im * 32768
	}
	return split()
}

// Foxhunt reads what the reference package writes: numbers 0 to 23 as 12 samples.
func TestReferencePackageIsRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	runSigMFCheck(t, "write", folder)
	for datatype, first := range map[string]float32{
		"cu8": -1, "ci8": 0, "ci16_le": 0, "ci16_be": 0, "cu16_le": -1, "cu16_be": -1, "cf32_le": 0, "cf32_be": 0,
	} {
		for _, name := range []string{datatype + ".sigmf-meta", datatype + ".sigmf-data", "archive-" + datatype + ".sigmf"} {
			r, err := Open(filepath.Join(folder, name), Options{})
			if err != nil {
				t.Error(err)
				continue
			}
			wantReference(t, r, 12)
			re, im := make([]float32, 12), make([]float32, 12)
			rx := messages.Receiver{Format: r.Format, IQ: r.IQ}
			if err := rx.Split(re, im); err != nil || re[0] != first || !(im[11] > re[11] && re[11] > im[10]) {
				t.Errorf("%s: samples %v, %v (%v)", name, re, im, err)
			}
		}
	}
	for _, datatype := range []string{"cf64_le", "rf32_le"} {
		_, err := Open(filepath.Join(folder, datatype+".sigmf-meta"), Options{})
		wantCode(t, err, messages.CodeBadFormat, datatype)
	}
	for segment, samples := range map[int]int{0: 7, 1: 2, 2: 7, 3: 3} {
		r, err := Open(filepath.Join(folder, "segments.sigmf-meta"), Options{Segment: segment, Frequency: 77500})
		if err != nil {
			t.Fatal(err)
		}
		wantReference(t, r, samples)
		if r.Dropped != 12-samples {
			t.Errorf("segment %d leaves out %d samples", segment, r.Dropped)
		}
	}
	r, err := Open(filepath.Join(folder, "other.sigmf-meta"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantReference(t, r, 12)
}

func wantReference(t *testing.T, r *Recording, samples int) {
	t.Helper()
	if r.Samples() != samples || r.StartTime != dcfNanos(t) || r.SampleRate != 12001.25 || r.Frequency != 77500 || r.Place == nil ||
		*r.Place != (Place{46.499351, 8.798828, 900}) {
		t.Errorf("%s is read as %+v, place %+v; want %d samples", r.Name, r, r.Place, samples)
	}
}
