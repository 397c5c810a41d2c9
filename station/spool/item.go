package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"foxhunt/messages"
)

// Item is a capture in the spool. Whenever it is sent it is the same in all of this.
type Item struct {
	Sequence uint64 // from 1, without gaps
	ID       string // the capture's
	Subject  string
	Time     time.Time // when it was put, to the millisecond
	Data     []byte    // the capture as it is sent
}

const (
	fileVersion = 1
	headBytes   = 512 // of a file's first line, at most
	sumBytes    = 4
)

// head is a file's first line, JSON, so that people can read it: head -1 FILE.
type head struct {
	Version  int    `json:"foxhunt_spool"`
	Sequence uint64 `json:"sequence"`
	ID       string `json:"id"`
	Subject  string `json:"subject"`
	Time     int64  `json:"time_ms"` // since the Unix epoch
	Bytes    int    `json:"bytes"`   // of the capture
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode is what stands in a file: a line of JSON, the capture, and the CRC-32C of both, big endian.
func (i *Item) encode() ([]byte, error) {
	line, err := json.Marshal(head{fileVersion, i.Sequence, i.ID, i.Subject, i.Time.UnixMilli(), len(i.Data)})
	if err != nil {
		return nil, err
	}
	file := make([]byte, 0, len(line)+1+len(i.Data)+sumBytes)
	file = append(append(append(file, line...), '\n'), i.Data...)
	return appendSum(file), nil
}

func appendSum(file []byte) []byte {
	return binary.BigEndian.AppendUint32(file, crc32.Checksum(file, castagnoli))
}

// decodeItem reads a file; Data aliases it. The error is an *Error with CodeDamaged.
func decodeItem(file []byte) (Item, error) {
	n := len(file) - sumBytes
	if n < 0 {
		return Item{}, fail(CodeDamaged, nil, "the file has %d bytes, and is no capture of a spool", len(file))
	}
	if binary.BigEndian.Uint32(file[n:]) != crc32.Checksum(file[:n], castagnoli) {
		return Item{}, fail(CodeDamaged, nil, "the checksum does not fit the %d bytes of the file: it was cut short, or changed", len(file))
	}
	line, data, _ := bytes.Cut(file[:n], []byte("\n"))
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return Item{}, fail(CodeDamaged, err, "the file's first line cannot be read: %.200q", err)
	}
	i := Item{Sequence: h.Sequence, ID: h.ID, Subject: h.Subject, Time: time.UnixMilli(h.Time), Data: data}
	if why := i.wrong(h); why != "" {
		return Item{}, fail(CodeDamaged, nil, "%s", why)
	}
	return i, nil
}

// wrong says what no file of a spool can have; "" where nothing is wrong.
func (i *Item) wrong(h head) string {
	switch _, _, err := messages.ParseSubject(i.Subject); {
	case h.Version != fileVersion:
		return fmt.Sprintf("the file's form is %d; this program knows %d", h.Version, fileVersion)
	case i.Sequence == 0:
		return "the capture has no number"
	case messages.ValidateToken("id", i.ID) != nil || len(i.ID) < messages.MinIDLength:
		return fmt.Sprintf("the capture's id is %.80q", i.ID)
	case err != nil:
		return err.Error()
	case h.Bytes != len(i.Data) || h.Bytes == 0 || h.Bytes > messages.MaxCaptureBytes:
		return fmt.Sprintf("the capture should have %d bytes, and has %d", h.Bytes, len(i.Data))
	}
	return ""
}
