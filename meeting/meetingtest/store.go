// Package meetingtest has a meeting's store in memory, for tests: compare-and-set is real, and so are revisions, which for slots
// are those of the whole group, as in JetStream.
package meetingtest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"foxhunt/meeting"
)

// Store is a [meeting.Store] in memory. The zero value is not ready: use [New].
type Store struct {
	// Before is called before each call, with its name and outside of all locks; an error is the call's. May be nil.
	Before func(call string) error
	// Clock is the server's.
	Clock func() time.Time
	// Wait is AckWait.
	Wait time.Duration
	// IsBehind answers Behind; nil: never.
	IsBehind func(then time.Time) bool

	mu       sync.Mutex
	revision uint64
	open     map[meeting.Key]value
	groups   map[string]uint64 // the last revision of each
	ended    map[meeting.Key]value
	captures map[meeting.Place]*meeting.Message
	heard    map[string]time.Time
}

type value struct {
	data     []byte // nil: removed
	revision uint64
}

// New makes an empty store.
func New() *Store {
	return &Store{
		Clock: time.Now, Wait: 30 * time.Second,
		open: map[meeting.Key]value{}, groups: map[string]uint64{}, ended: map[meeting.Key]value{},
		captures: map[meeting.Place]*meeting.Message{}, heard: map[string]time.Time{},
	}
}

func (s *Store) enter(ctx context.Context, call string) error {
	if s.Before != nil {
		if err := s.Before(call); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Put puts a capture into the stream.
func (s *Store) Put(p meeting.Place, m *meeting.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.captures[p] = m
}

// Has says whether the stream has a capture.
func (s *Store) Has(p meeting.Place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.captures[p] != nil
}

// OpenKeys are the keys of the open events, sorted.
func (s *Store) OpenKeys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, v := range s.open {
		if v.data != nil {
			keys = append(keys, key.String())
		}
	}
	slices.Sort(keys)
	return keys
}

// EndedEntries are the events that ended.
func (s *Store) EndedEntries() map[meeting.Key][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := map[meeting.Key][]byte{}
	for key, v := range s.ended {
		entries[key] = v.data
	}
	return entries
}

// Now is Clock's.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return s.Clock(), s.enter(ctx, "now") }

// AckWait is Wait.
func (s *Store) AckWait() time.Duration { return s.Wait }

// Room is an error where Before says so.
func (s *Store) Room(ctx context.Context) error { return s.enter(ctx, "room") }

// Read reads an open entry.
func (s *Store) Read(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	if err := s.enter(ctx, "read"); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.open[key]
	if key.IsSlot() {
		return v.data, s.groups[groupOf(key)], nil
	}
	return v.data, v.revision, nil
}

// ReadGroup reads several open entries.
func (s *Store) ReadGroup(ctx context.Context, network, group string, names []string) (values [][]byte, revision uint64, err error) {
	if err := s.enter(ctx, "read group"); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	revision = s.groups[groupOf(meeting.Key{Network: network, Group: group})]
	s.mu.Unlock()
	for _, name := range names {
		v, _, err := s.Read(ctx, meeting.Key{Network: network, Group: group, Name: name})
		if err != nil {
			return nil, 0, err
		}
		values = append(values, v)
	}
	return values, revision, nil
}

// Write writes an open entry.
func (s *Store) Write(ctx context.Context, key meeting.Key, data []byte, revision uint64) (uint64, error) {
	if err := s.enter(ctx, "write"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.open[key].revision
	if key.IsSlot() {
		last = s.groups[groupOf(key)]
	}
	if last != revision {
		return 0, meeting.ErrConflict
	}
	return s.put(key, data), nil
}

// Remove removes an open entry that nobody has written since.
func (s *Store) Remove(ctx context.Context, key meeting.Key, revision uint64) error {
	if err := s.enter(ctx, "remove"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.open[key]; v.data == nil || v.revision > revision || v.revision < revision && !key.IsSlot() {
		return meeting.ErrConflict
	}
	s.put(key, nil)
	return nil
}

func (s *Store) put(key meeting.Key, data []byte) uint64 {
	s.revision++
	s.open[key] = value{data, s.revision}
	s.groups[groupOf(key)] = s.revision
	return s.revision
}

func groupOf(key meeting.Key) string { return key.Network + "." + key.Group }

// Ended reads the entry of an event that ended.
func (s *Store) Ended(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	if err := s.enter(ctx, "ended"); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.ended[key]
	return v.data, v.revision, nil
}

// End writes the entry of an event that ended.
func (s *Store) End(ctx context.Context, key meeting.Key, data []byte, revision uint64) error {
	if err := s.enter(ctx, "end"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended[key].revision != revision {
		return meeting.ErrConflict
	}
	s.revision++
	s.ended[key] = value{data, s.revision}
	return nil
}

// Fetch gives captures.
func (s *Store) Fetch(ctx context.Context, places []meeting.Place) (found []*meeting.Message, err error) {
	if err := s.enter(ctx, "fetch"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range places {
		found = append(found, s.captures[p])
	}
	return found, nil
}

// Delete removes captures.
func (s *Store) Delete(ctx context.Context, places []meeting.Place) error {
	if err := s.enter(ctx, "delete"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range places {
		delete(s.captures, p)
	}
	return nil
}

// Behind answers as IsBehind does.
func (s *Store) Behind(ctx context.Context, _ string, then time.Time) (bool, error) {
	if err := s.enter(ctx, "behind"); err != nil {
		return false, err
	}
	return s.IsBehind != nil && s.IsBehind(then), nil
}

// Hear notes when a station was first heard.
func (s *Store) Hear(network string, frequency float64, station string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.Join([]string{network, meeting.HertzOf(frequency), station}, ".")
	if _, known := s.heard[name]; !known {
		s.heard[name] = s.Clock()
	}
}

// Heard gives the stations that were heard before then.
func (s *Store) Heard(network string, frequency float64, then time.Time) (stations []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := network + "." + meeting.HertzOf(frequency) + "."
	for name, first := range s.heard {
		if station, ok := strings.CutPrefix(name, prefix); ok && first.Before(then) {
			stations = append(stations, station)
		}
	}
	slices.Sort(stations)
	return stations
}
