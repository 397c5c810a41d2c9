package station

import (
	"archive/tar"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What other programs write otherwise than the standard of today says is read where it cannot be misunderstood.
func TestSigMFOfOtherPrograms(t *testing.T) {
	segment := object{"core:sample_start": 0, "core:datetime": dcfTime}
	for name, meta := range map[string][]byte{
		"extensions as an object":  sigmfMetaText(t, object{"core:extensions": object{"antenna": "v0.9.0"}}, segment),
		"extensions null":          sigmfMetaText(t, object{"core:extensions": []object(nil)}, segment),
		"whole numbers as floats":  bytes.Replace(sigmfMetaText(t, nil, segment), []byte(`Z","core:sample_start":0}`), []byte(`Z","core:sample_start":0.0}`), 1),
		"floats with an exponent":  bytes.Replace(sigmfMetaText(t, object{"core:num_channels": 7}, segment), []byte(`:7`), []byte(`:1.0e0`), 1),
		"a blank for the T":        sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": "2020-08-13 06:52:20.123456789"}),
		"a blank and an offset":    sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": "2020-08-13 08:52:20.123456789+02:00"}),
		"small letters":            sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": "2020-08-13t06:52:20.123456789z"}),
		"blanks around":            sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": " 2020-08-13T06:52:20.123456789Z "}),
		"annotations of any shape": bytes.Replace(sigmfMetaText(t, nil, segment), []byte(`"x","core:sample_start":0}`), []byte(`"x","core:sample_start":0.5}`), 1),
	} {
		r, err := Open(writePair(t, t.TempDir(), "A", meta, []byte{1, 2, 3, 4}), Options{})
		if err != nil || r.StartTime != dcfNanos(t) || r.Samples() != 2 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// What could be misunderstood is refused in words of the user's.
func TestSigMFNumbersThatAreNone(t *testing.T) {
	plain := sigmfMetaText(t, object{"core:num_channels": 1}, object{"core:sample_start": 77, "core:datetime": dcfTime})
	for _, number := range []string{"0.5", "1e19", "-1e19", `"1"`, "true"} {
		for _, field := range []string{`"core:num_channels":1`, `"core:sample_start":77`} {
			name, _, _ := strings.Cut(field, ":1")
			name, _, _ = strings.Cut(name, ":77")
			meta := bytes.Replace(plain, []byte(field), []byte(name+":"+number), 1)
			_, err := Open(writePair(t, t.TempDir(), "A", meta, make([]byte, 8)), Options{})
			wantCode(t, err, CodeBadSigMF, "want a whole number")
		}
	}
	for _, extensions := range []any{5, "antenna", []int{3}} {
		_, err := Open(writePair(t, t.TempDir(), "A", sigmfMetaText(t, object{"core:extensions": extensions}), make([]byte, 8)), Options{})
		wantCode(t, err, CodeBadSigMF, "core:extensions")
	}
	var n sigmfInt
	if err := n.UnmarshalJSON([]byte("9223372036854775807")); err != nil || n != math.MaxInt64 {
		t.Errorf("the largest number is read as %d, %v", n, err)
	}
}

// Names in upper case, as of an old file system, are a recording's, too.
func TestSigMFNamesInUpperCase(t *testing.T) {
	meta, samples := sigmfMetaText(t, nil, object{"core:sample_start": 0, "core:datetime": dcfTime}), []byte{1, 2, 3, 4}
	folder := t.TempDir()
	for name, content := range map[string][]byte{"UP.SIGMF-META": meta, "UP.SIGMF-DATA": samples, "Mixed.SigMF-Meta": meta, "Mixed.sigmf-data": samples} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, twin := range map[string]string{"UP.SIGMF-META": "UP.SIGMF-DATA", "UP.SIGMF-DATA": "UP.SIGMF-META", "Mixed.SigMF-Meta": "Mixed.sigmf-data"} {
		path := filepath.Join(folder, name)
		if r, err := Open(path, Options{}); err != nil || !bytes.Equal(r.IQ, samples) || r.Station != name[:strings.IndexByte(name, '.')] {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if got := SigMFTwin(path); got != filepath.Join(folder, twin) {
			t.Errorf("beside %s is %s, want %s", name, got, twin)
		}
	}
}

// macOS' tar puts a file of its own beside each; names in an archive may be in upper case, too.
func TestSigMFArchivesOfOtherPrograms(t *testing.T) {
	meta, samples := archiveMeta(t, nil), []byte{1, 2, 3, 4}
	for name, entries := range map[string][]entry{
		"macOS":      {{"._B", nil, tar.TypeDir}, {"B/._B.sigmf-data", []byte("Mac OS X"), 0}, {"B/B.sigmf-data", samples, 0}, {"B/._B.sigmf-meta", []byte("Mac OS X"), 0}, {"B/B.sigmf-meta", meta, 0}},
		"upper case": {{"B.SIGMF-META", meta, 0}, {"B.SIGMF-DATA", samples, 0}},
	} {
		file := tarOf(t, entries...)
		r, err := readArchive(bytes.NewReader(file), int64(len(file)), "x.sigmf", Options{})
		if err != nil || !bytes.Equal(r.IQ, samples) || r.Station != "B" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
