package station

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"foxhunt/messages"
)

// maxArchiveEntries bounds how many headers of a hostile archive are read.
const maxArchiveEntries = 1000

// openArchive reads a SigMF archive: a tar of one recording's metadata and samples, in any folder and order. It is read where
// it lies; names in it are compared, and nothing is ever written.
func openArchive(file string, o Options) (*Recording, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, refuse(CodeBadSigMF, "%.200q is no file", file)
	case info.Size() > MaxFileBytes:
		return nil, refuse(CodeTooLarge, "%.200q has %d bytes; want at most %d", file, info.Size(), MaxFileBytes)
	}
	return readArchive(f, info.Size(), filepath.Base(file), o)
}

func readArchive(f io.ReadSeeker, size int64, archive string, o Options) (*Recording, error) {
	a := archiveReader{file: f, size: size, name: archive}
	metaName, err := a.metaName()
	if err != nil {
		return nil, err
	}
	text, err := a.read(metaName, maxMetaBytes)
	if err != nil {
		return nil, err
	}
	m, err := parseMeta(text, archive)
	if err != nil {
		return nil, err
	}
	samples, err := m.dataset(path.Base(metaName))
	if err != nil {
		return nil, err
	}
	data, err := a.read(path.Join(path.Dir(metaName), samples), MaxFileBytes)
	if err != nil {
		return nil, err
	}
	r, err := m.recording(data, archive, o)
	if err == nil && r.Station == "" { // the recording's name says more than the archive's, which may have been given another
		r.Station = stationNamed(path.Base(metaName))
	}
	return r, err
}

// archiveReader reads entries of a tar file by their names.
type archiveReader struct {
	file io.ReadSeeker
	size int64 // of the file
	name string
}

// metaName is the name of the archive's only metadata. macOS' tar puts a file ._NAME of its own beside each.
func (a *archiveReader) metaName() (string, error) {
	var names []string
	err := a.each(func(name string, _ *tar.Reader) error {
		if strings.EqualFold(path.Ext(name), sigmfMetaExt) && !strings.HasPrefix(path.Base(name), "._") {
			names = append(names, name)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(names) != 1:
		return "", refuse(CodeBadSigMF, "%s holds %d recordings; want one: unpack it with tar and name them", a.name, len(names))
	}
	return names[0], nil
}

// each calls visit for the files in the archive, none of which may say that it is larger than the archive.
func (a *archiveReader) each(visit func(name string, content *tar.Reader) error) error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	t := tar.NewReader(a.file)
	for range maxArchiveEntries {
		header, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return refuse(CodeBadSigMF, "%s is no tar archive, or is cut off: %.200q", a.name, err.Error())
		case header.Typeflag != tar.TypeReg:
			continue
		case header.Size > a.size: // holes are not stored
			return refuse(CodeBadSigMF, "%s says that %.200q in it has %d bytes, more than the archive has", a.name, header.Name, header.Size)
		}
		if err := visit(path.Clean(header.Name), t); err != nil {
			return err
		}
	}
	return refuse(CodeBadSigMF, "%s has more than %d entries; want the two files of one recording", a.name, maxArchiveEntries)
}

// read returns the first file of a name.
func (a *archiveReader) read(name string, most int64) (content []byte, err error) {
	found := errors.New("found")
	err = a.each(func(entry string, t *tar.Reader) error {
		if entry != name {
			return nil
		}
		content, err = io.ReadAll(io.LimitReader(t, most+1))
		switch {
		case err != nil:
			return refuse(CodeBadSigMF, "%s is cut off: %.200q", a.name, err.Error())
		case int64(len(content)) > most:
			return refuse(CodeTooLarge, "%.200q in %s has more than %d bytes", name, a.name, most)
		}
		return found
	})
	switch {
	case errors.Is(err, found):
		return content, nil
	case err != nil:
		return nil, err
	}
	return nil, refuse(CodeBadSigMF, "%s does not hold %.200q", a.name, name)
}

// stationNamed is the station that a SigMF file's name says: as kiwirecorder's names do, or by being nothing but its name.
func stationNamed(file string) string {
	if said := parseName(file); said.station != "" {
		return said.station
	}
	stem := strings.TrimSuffix(file, path.Ext(file))
	if messages.ValidateToken("station", stem) != nil {
		return ""
	}
	return stem
}
