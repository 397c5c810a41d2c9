package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"foxhunt/messages"
)

// Spool is one station's captures on the disk. Its methods may be called from several goroutines; Run once at a time.
type Spool struct {
	options Options
	subject string
	folder  *folder
	pace    pacing // of sending; guarded by mu

	putting sync.Mutex // held over a whole Put, so that files come to be in the order of their numbers
	next    uint64     // the number of the next capture; guarded by putting

	mu       sync.Mutex
	changed  chan struct{} // closed, and made anew, whenever there may be something to do
	closed   bool
	waiting  []entry // by sequence
	inFlight map[uint64]entry
	aside    []entry
	bytes    int64    // of the files of all three
	last     uint64   // the highest number that has a file, be it a marker
	lasts    []uint64 // markers that there are; the highest only, but for moments
	stats    Stats
	barred   error // what the last attempt failed with, where nothing of this station is taken
	took     latencies
	said     time.Time // when dropped captures were last logged
}

// Open opens a station's spool, with what was left in it, for this process alone until Close.
func Open(o Options) (*Spool, error) {
	o, err := o.settled()
	if err != nil {
		return nil, err
	}
	subject, err := messages.CaptureSubject(o.Network, o.Station)
	if err != nil {
		return nil, err
	}
	f, err := openFolder(filepath.Join(o.Dir, o.Network+"."+o.Station))
	if err != nil {
		return nil, err
	}
	there, err := f.read()
	if err == nil {
		err = f.sync() // a Put may have ended before it came to that
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	s := &Spool{
		options: o, subject: subject, folder: f, pace: newPacing(o.InFlight), next: there.last + 1, changed: make(chan struct{}),
		waiting: there.waiting, inFlight: map[uint64]entry{}, aside: there.aside, last: there.last, lasts: there.lasts,
	}
	for _, e := range slices.Concat(s.waiting, s.aside) {
		s.bytes += e.size
	}
	if there.strange > 0 {
		o.Log.Warn("files that are no captures are left alone", "spool", f.path, "files", there.strange)
	}
	s.trimLasts()
	s.setAsideHuge()
	s.drop(time.Now(), 0)
	return s, nil
}

// setAsideHuge takes files that are none of ours by their size alone out of the reckoning: they would push captures out.
func (s *Spool) setAsideHuge() {
	for _, e := range slices.Clone(s.waiting) {
		if err := e.tooLarge(); err != nil {
			s.waiting = slices.DeleteFunc(s.waiting, func(other entry) bool { return other == e })
			s.setAside(e, err, &s.stats.Damaged)
		}
	}
}

// Put keeps a capture: when it returns nil, neither a crash nor a power cut loses it. A capture without an id gets one. An invalid
// capture's error is a *messages.Refusal; where the disk does not take it, an *Error with CodeWrite. Such a capture's number is
// left out, so that who counts them sees that it is missing. Item.Data is the caller's.
func (s *Spool) Put(c *messages.Capture) (Item, error) {
	if c.ID == "" {
		c.ID = messages.NewCaptureID()
	}
	data, err := c.Encode(nil)
	if err != nil {
		s.count(&s.stats.Unfit)
		return Item{}, err
	}
	s.putting.Lock()
	defer s.putting.Unlock()
	item := Item{Sequence: s.next, ID: c.ID, Subject: s.subject, Time: time.UnixMilli(time.Now().UnixMilli()), Data: data}
	file, err := item.encode()
	if err != nil {
		return Item{}, err
	}
	e := entry{sequence: item.Sequence, put: item.Time.UnixMilli(), size: int64(len(file))}
	if s.makeRoom(e.size) {
		return Item{}, fail(CodeClosed, nil, "the spool is closed")
	}
	s.next++
	if err := s.folder.write(e.name(), file); err != nil {
		s.lost(item.Sequence)
		return Item{}, fail(CodeWrite, err, "capture %d could not be spooled and is lost: %v", item.Sequence, err)
	}
	s.add(e)
	return item, nil
}

// makeRoom drops what is over the limits once size bytes more are there.
func (s *Spool) makeRoom(size int64) (closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(time.Now(), size)
	return s.closed
}

// lost counts a capture that could not be written, and keeps its number from being given to another after a restart.
func (s *Spool) lost(sequence uint64) {
	s.mu.Lock()
	s.stats.Unwritten++
	err := s.mark(sequence)
	s.mu.Unlock()
	if err = errors.Join(err, s.folder.sync()); err != nil {
		s.options.Log.Warn("the number of a capture that is lost may be given to another after a restart", "sequence", sequence, "error", err)
	}
}

// mark leaves a marker of a number that has no file. The disk may be full: a marker that is there is given another name, which takes
// no room, and a new one is empty. Under mu.
func (s *Spool) mark(sequence uint64) error {
	name := s.folder.join(lastName(sequence))
	if n := len(s.lasts); n > 0 && os.Rename(s.folder.join(lastName(s.lasts[n-1])), name) == nil {
		s.lasts[n-1] = sequence
	} else if err := os.WriteFile(name, nil, 0o640); err == nil {
		s.lasts = append(s.lasts, sequence)
	} else {
		return err
	}
	s.last = sequence
	s.trimLasts()
	return nil
}

// count counts a capture in one of the statistics.
func (s *Spool) count(n *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// add takes up a capture that is on the disk.
func (s *Spool) add(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, e) // its number is the highest
	s.last = e.sequence
	s.bytes += e.size
	s.stats.Put++
	s.trimLasts()
	s.change()
}

// change tells all who wait; under mu.
func (s *Spool) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// discard removes a capture's file. The one with the highest number is kept under another name, so that no capture gets that
// number again: nothing else on the disk tells of it, and this way it costs no more than the removal. Under mu.
func (s *Spool) discard(name string, e entry) error {
	s.bytes -= e.size
	sequence := e.sequence
	if sequence != s.last {
		return ignoreMissing(os.Remove(s.folder.join(name)))
	}
	if err := os.Rename(s.folder.join(name), s.folder.join(lastName(sequence))); err != nil {
		return ignoreMissing(err)
	}
	if !slices.Contains(s.lasts, sequence) {
		s.lasts = append(s.lasts, sequence)
	}
	return nil
}

// trimLasts removes the markers of numbers that a newer file is above; under mu.
func (s *Spool) trimLasts() {
	s.lasts = slices.DeleteFunc(s.lasts, func(sequence uint64) bool {
		return sequence != s.last && ignoreMissing(os.Remove(s.folder.join(lastName(sequence)))) == nil
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Close gives the folder back. What waits stays on the disk. Run must have ended.
func (s *Spool) Close() error {
	s.putting.Lock() // a Put under way ends first
	defer s.putting.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.change()
	return s.folder.close()
}
