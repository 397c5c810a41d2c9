package registry

import (
	"fmt"
	"io"
	"os"
)

// rope is a file to be written, in pieces: bytes at hand, and stretches of files that need not be in memory.
type rope struct {
	pieces []piece
	size   int64
}

// piece is bytes, or a stretch of a file.
type piece struct {
	bytes          []byte
	file           string // "" for bytes
	offset, length int64
}

func (r *rope) add(bytes []byte) {
	if len(bytes) > 0 {
		r.pieces = append(r.pieces, piece{bytes: bytes})
		r.size += int64(len(bytes))
	}
}

func (r *rope) addFile(file string, offset, length int64) {
	r.pieces = append(r.pieces, piece{file: file, offset: offset, length: length})
	r.size += length
}

func (r *rope) addRope(other *rope) {
	r.pieces = append(r.pieces, other.pieces...)
	r.size += other.size
}

// writeTo writes the whole; root holds the files.
func (r *rope) writeTo(w io.Writer, root *os.Root) error {
	for _, p := range r.pieces {
		if err := p.writeTo(w, root); err != nil {
			return err
		}
	}
	return nil
}

func (p piece) writeTo(w io.Writer, root *os.Root) error {
	if p.file == "" {
		_, err := w.Write(p.bytes)
		return err
	}
	file, _, err := openRegular(root.OpenFile, p.file)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := io.Copy(w, io.NewSectionReader(file, p.offset, p.length))
	if err == nil && n < p.length {
		err = fmt.Errorf("%q ended early", oneLine(p.file, 80))
	}
	return err
}
