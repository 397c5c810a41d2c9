package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"foxhunt/messages"
	"foxhunt/station"
)

// fetchWriter writes captures to files and says so.
type fetchWriter struct {
	o        *fetchOptions
	out, log io.Writer
	table    *tabwriter.Writer
	captures int // of which a recording was written
	files    int
	failed   int // captures and receivers that were not written
}

func newFetchWriter(o *fetchOptions, out, log io.Writer) *fetchWriter {
	return &fetchWriter{o: o, out: out, log: log, table: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

// fetchedValue is a recording in JSON.
type fetchedValue struct {
	Number  uint64 `json:"number"`
	Subject string `json:"subject"`
	Reason  string `json:"reason,omitempty"`
	Capture string `json:"capture_id"`
	Station string `json:"station"`
	Start   string `json:"start"`
	Seconds number `json:"seconds"`
	Bytes   int    `json:"bytes"` // of samples
	File    string `json:"file"`
}

// write writes what can be read of a capture. Only an error that others would meet, too, is returned.
func (w *fetchWriter) write(f fetchedCapture) error {
	capture, fault := messages.Peek(f.body)
	from := station.Taken{}
	from.Network, from.Source, _ = messages.ParseSubject(f.subject)
	if f.letter != nil {
		from.Reason, from.Sentence = f.letter.Reason, f.letter.Sentence
	}
	written := 0
	for i := range capture.Receivers {
		err := w.receiver(f, capture, i, from)
		switch {
		case err == nil:
			written++
		case isAboutOne(err):
			w.fail(fmt.Errorf("%d: %w", f.number, err))
		default:
			return err
		}
	}
	if len(capture.Receivers) == 0 {
		w.fail(fmt.Errorf("%d has no receiver that can be read: %w", f.number, fault))
	}
	if written > 0 {
		w.captures++
	}
	return nil
}

// isAboutOne reports whether the next recording may fare better.
func isAboutOne(err error) bool {
	var ref *messages.Refusal
	return errors.Is(err, os.ErrExist) || errors.As(err, &ref)
}

func (w *fetchWriter) receiver(f fetchedCapture, capture *messages.Capture, i int, from station.Taken) error {
	recording, err := station.NewSigMF(capture, i, f.number, from)
	if err != nil {
		return err
	}
	file, err := recording.Write(w.o.folder, w.o.archive, w.o.force)
	if err != nil {
		return err
	}
	w.files++
	rx := &capture.Receivers[i]
	return w.say(fetchedValue{
		Number: f.number, Subject: f.subject, Reason: from.Reason, Capture: capture.ID, Station: rx.Station,
		Start: messages.Instant(rx.StartTime).String(), Seconds: number(float64(rx.Samples()) / rx.SampleRate), Bytes: len(rx.IQ), File: file,
	})
}

func (w *fetchWriter) say(v fetchedValue) error {
	if w.o.asJSON {
		return writeJSON(w.out, v)
	}
	if (w.files-1)%deadBlock == 0 {
		if err := w.table.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w.table, "NUMBER\tSUBJECT\tREASON\tSTATION\tSTART (UTC)\tSECONDS\tBYTES\tFILE")
	}
	_, err := fmt.Fprintf(w.table, "%d\t%s\t%s\t%s\t%s\t%.6g\t%d\t%s\n", v.Number, brief(v.Subject, 80), orNone(v.Reason), brief(v.Station, 64),
		v.Start, float64(v.Seconds), v.Bytes, printable(v.File))
	return err
}

func (w *fetchWriter) fail(err error) {
	w.failed++
	fmt.Fprintln(w.log, err)
}

func (w *fetchWriter) flush() error { return w.table.Flush() }

func (w *fetchWriter) summary() string {
	return fmt.Sprintf("%d recordings of %d captures were written to %s", w.files, w.captures, printable(w.o.folder))
}

func (w *fetchWriter) end() error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.failed > 0 {
		return fmt.Errorf("%s, %d were not", w.summary(), w.failed)
	}
	if w.o.asJSON {
		return nil
	}
	_, err := fmt.Fprintln(w.out, w.summary())
	return err
}
