package station

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// entry is a file in a tar archive.
type entry struct {
	name    string
	content []byte
	kind    byte // 0: a file
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var file bytes.Buffer
	w := tar.NewWriter(&file)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(e.content))}
		if e.kind != 0 {
			header.Typeflag, header.Linkname, header.Size = e.kind, "/etc/passwd", 0
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if e.kind == 0 {
			if _, err := w.Write(e.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func archiveMeta(t testing.TB, change object) []byte {
	return sigmfMetaText(t, change, object{"core:sample_start": 0, "core:datetime": dcfTime})
}

func TestOpenSigMFArchive(t *testing.T) {
	samples := []byte{1, 2, 3, 4, 5, 6}
	for name, entries := range map[string][]entry{
		"as the standard has it":    {{"B/", nil, tar.TypeDir}, {"B/B.sigmf-data", samples, 0}, {"B/B.sigmf-meta", archiveMeta(t, nil), 0}},
		"metadata first, no folder": {{"./B.sigmf-meta", archiveMeta(t, nil), 0}, {"B.sigmf-data", samples, 0}},
		"others beside it":          {{"README", []byte("x"), 0}, {"x/B.sigmf-meta", archiveMeta(t, object{"core:dataset": "s.bin"}), 0}, {"B.sigmf-data", nil, 0}, {"x/s.bin", samples, 0}},
		"names that climb":          {{"../../B.sigmf-data", samples, 0}, {"../../B.sigmf-meta", archiveMeta(t, nil), 0}},
	} {
		folder := filepath.Join(t.TempDir(), "a", "b")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "other name.sigmf")
		if err := os.WriteFile(path, tarOf(t, entries...), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(r.IQ, samples) || r.Station != "B" || r.StartTime != dcfNanos(t) || r.Name != "other name.sigmf" {
			t.Errorf("%s: %+v", name, r)
		}
		if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
			t.Errorf("%s: the folder holds %v, %v", name, files, err)
		}
	}
}

func TestSigMFArchiveRefusals(t *testing.T) {
	good := tarOf(t, entry{"B.sigmf-data", make([]byte, 4000), 0}, entry{"B.sigmf-meta", archiveMeta(t, nil), 0})
	many := make([]entry, maxArchiveEntries+1)
	for i := range many {
		many[i] = entry{fmt.Sprint(i), nil, 0}
	}
	var sparse bytes.Buffer // a header that promises a gigabyte of zeros
	w := tar.NewWriter(&sparse)
	if err := w.WriteHeader(&tar.Header{Name: "B.sigmf-data", Size: 1 << 30, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err == nil {
		t.Fatal("tar takes less than it was promised")
	}
	for _, c := range []struct {
		file  []byte
		words string
	}{
		{nil, "holds 0 recordings"},
		{[]byte("no tar archive, and long enough to be read as a header" + string(make([]byte, 512))), "no tar archive"},
		{good[:1500], "more than the archive has"}, {good[:4700], "cut off"},
		{sparse.Bytes(), "more than the archive has"},
		{tarOf(t, many...), "more than 1000 entries"},
		{tarOf(t, entry{"A.sigmf-meta", nil, 0}, entry{"B.sigmf-meta", nil, 0}), "holds 2 recordings"},
		{tarOf(t, entry{"A.sigmf-meta", nil, tar.TypeSymlink}), "holds 0 recordings"},
		{tarOf(t, entry{"A.sigmf-meta", archiveMeta(t, nil), 0}, entry{"A.sigmf-data", nil, tar.TypeSymlink}), `does not hold "A.sigmf-data"`},
		{tarOf(t, entry{"A.sigmf-meta", archiveMeta(t, object{"core:dataset": "../x"}), 0}), "same folder"},
		{tarOf(t, entry{"A.sigmf-meta", []byte("{"), 0}), "no SigMF metadata"},
	} {
		_, err := readArchive(bytes.NewReader(c.file), int64(len(c.file)), "x.sigmf", Options{})
		wantCode(t, err, CodeBadSigMF, c.words)
	}
	large := tarOf(t, entry{"A.sigmf-meta", make([]byte, maxMetaBytes+1), 0})
	_, err := readArchive(bytes.NewReader(large), int64(len(large)), "x.sigmf", Options{})
	wantCode(t, err, CodeTooLarge, "more than 16777216 bytes")
}

// FuzzSigMFArchive reads archives of two files in which one byte is another and after which something is cut off.
func FuzzSigMFArchive(f *testing.F) {
	f.Add("x/B.sigmf-meta", archiveMeta(f, nil), "x/B.sigmf-data", make([]byte, 40), 0, byte(0), 0)
	f.Add("B.sigmf-meta", archiveMeta(f, object{"core:dataset": "x"}), "./x", make([]byte, 600), 156, byte('S'), 1024)
	f.Fuzz(func(t *testing.T, metaName string, meta []byte, dataName string, data []byte, at int, other byte, cut int) {
		var buffer bytes.Buffer
		w := tar.NewWriter(&buffer)
		for name, content := range map[string][]byte{metaName: meta, dataName: data} {
			if w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content))}) != nil {
				return
			}
			w.Write(content)
		}
		w.Close()
		file := buffer.Bytes()
		if at > 0 && at < len(file) {
			file[at] = other
		}
		file = file[:len(file)-min(max(cut, 0), len(file))]
		r, err := readArchive(bytes.NewReader(file), int64(len(file)), "x.sigmf", Options{})
		if err == nil && (r.Samples() == 0 || len(r.IQ) > len(file)) {
			t.Fatalf("%d bytes of samples from an archive of %d", len(r.IQ), len(file))
		}
	})
}
