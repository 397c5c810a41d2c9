package jetstream_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/meeting"
)

func meetings(t testing.TB, c *jetstream.Conn, topo jetstream.Topology) *jetstream.Meetings {
	t.Helper()
	m, err := c.Meetings(within(t, patience), topo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func startMeetings(t testing.TB) (*jetstreamtest.Server, *jetstream.Conn, *jetstream.Meetings) {
	s, c := start(t)
	return s, c, meetings(t, c, jetstream.DefaultTopology())
}

func TestMeetingEntries(t *testing.T) {
	t.Parallel()
	_, _, m := startMeetings(t)
	ctx, key := within(t, patience), meeting.KeyOfEvent("dcf", "77500-1")
	read := func() (string, uint64) {
		t.Helper()
		value, revision, err := m.Read(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(value), revision
	}
	if value, revision := read(); value != "" || revision != 0 {
		t.Errorf("nothing is there, and %q at %d is read", value, revision)
	}
	first, err := m.Write(ctx, key, []byte("one"), 0)
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	if _, err := m.Write(ctx, key, []byte("two"), 0); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("writing over what should not be there: %v", err)
	}
	second, err := m.Write(ctx, key, []byte("two"), first)
	if err != nil || second <= first {
		t.Fatal(second, err)
	}
	if _, err := m.Write(ctx, key, []byte("three"), first); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("writing over what is newer: %v", err)
	}
	if err := m.Remove(ctx, key, first); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("removing what is newer: %v", err)
	}
	if value, revision := read(); value != "two" || revision != second {
		t.Errorf("read %q at %d; want two at %d", value, revision, second)
	}
	if err := m.Remove(ctx, key, second); err != nil {
		t.Error(err)
	}
	if value, revision := read(); value != "" || revision <= second {
		t.Errorf("it was removed, and %q at %d is read", value, revision)
	}
	if _, err := m.Write(ctx, key, []byte("one"), 0); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("writing as before it was made and removed: %v", err)
	}
	if err := m.Remove(ctx, key, second); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("removing what is gone: %v", err)
	}
	if value, _, err := m.Ended(ctx, key); value != nil || err != nil {
		t.Errorf("an event that has not ended: %q, %v", value, err)
	}
	var ended uint64
	for _, value := range []string{"refused", "done"} {
		if err := m.End(ctx, key, []byte(value), ended); err != nil {
			t.Error(err)
		}
		if _, ended, err = m.Ended(ctx, key); err != nil {
			t.Error(err)
		}
	}
	if err := m.End(ctx, key, []byte("refused"), 0); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("ending an event for which another has ended: %v", err)
	}
	if value, _, err := m.Ended(ctx, key); string(value) != "done" || err != nil {
		t.Errorf("an event that has ended: %q, %v", value, err)
	}
}

func TestMeetingGroups(t *testing.T) {
	t.Parallel()
	_, _, m := startMeetings(t)
	ctx := within(t, patience)
	here, next := meeting.KeyOfSlot("dcf", 77500, 41), meeting.KeyOfSlot("dcf", 77500, 42)
	elsewhere := meeting.KeyOfSlot("dcf", 775000, 41) // whose group begins alike
	readGroup := func() (values [][]byte, group uint64) {
		t.Helper()
		values, group, err := m.ReadGroup(ctx, "dcf", here.Group, []string{here.Name, next.Name})
		if err != nil {
			t.Fatal(err)
		}
		return values, group
	}
	if values, group := readGroup(); group != 0 || values[0] != nil || values[1] != nil {
		t.Errorf("nothing is there: %q, %d", values, group)
	}
	one, err := m.Write(ctx, here, []byte("here"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Write(ctx, next, []byte("next"), 0); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("writing beside what was written meanwhile: %v", err)
	}
	if _, err := m.Write(ctx, elsewhere, []byte("elsewhere"), 0); err != nil {
		t.Errorf("writing in another group: %v", err)
	}
	two, err := m.Write(ctx, next, []byte("next"), one)
	if err != nil {
		t.Fatal(err)
	}
	values, group := readGroup()
	if string(values[0]) != "here" || string(values[1]) != "next" || group != two {
		t.Errorf("read %q, the group at %d; want %d", values, group, two)
	}
	if err := m.Remove(ctx, next, two); err != nil {
		t.Error(err)
	}
	values, after := readGroup()
	if values[1] != nil || after <= two {
		t.Errorf("after the removal %q is read, and the group is at %d; want none, and a revision above %d", values[1], after, two)
	}
	if _, err := m.Write(ctx, next, []byte("next"), one); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("writing as before what has been removed meanwhile: %v", err)
	}
	if err := m.Remove(ctx, here, two); err != nil { // another slot's revision is above
		t.Errorf("removing an entry beside which another was written: %v", err)
	}
	if err := m.Remove(ctx, here, two); !errors.Is(err, meeting.ErrConflict) {
		t.Errorf("removing what is removed: %v", err)
	}
}

// TestMeetingStorm wants every write of several at once to be in the entry in the end, once.
func TestMeetingStorm(t *testing.T) {
	t.Parallel()
	s, _, _ := startMeetings(t)
	storm(t, func(int) *jetstream.Meetings { return meetings(t, s.Connect(t), jetstream.DefaultTopology()) })
}

// TestMeetingStormInACluster is the same with three replicas, where a write is on its way for a while.
func TestMeetingStormInACluster(t *testing.T) {
	t.Parallel()
	servers, _ := startCluster(t)
	topo := jetstream.DefaultTopology().WithReplicas(3)
	open := func(i int) *jetstream.Meetings {
		return meetings(t, connect(t, jetstream.Options{URL: servers[i%len(servers)].ClientURL()}), topo)
	}
	for range 3 {
		storm(t, open)
	}
}

// storm has twelve goroutines on four connections write to one entry, twelve to a slot, each other one with its neighbour in
// view, and twelve to either of two slots that exclude each other.
func storm(t *testing.T, open func(i int) *jetstream.Meetings) {
	t.Helper()
	stores := make([]*jetstream.Meetings, 4)
	for i := range stores {
		stores[i] = open(i)
	}
	ctx := within(t, 5*patience) // for a thousand requests
	key := meeting.KeyOfEvent("net", "storm")
	here, next, far := meeting.KeyOfSlot("net", 1000, 1), meeting.KeyOfSlot("net", 1000, 2), meeting.KeyOfSlot("net", 2000, 9)
	var conflicts atomic.Int64
	var writers sync.WaitGroup
	for i := range 12 {
		m := stores[i%len(stores)]
		writers.Go(func() { // on its own key's condition
			until(t, &conflicts, func() error {
				value, revision, err := m.Read(ctx, key)
				if err == nil {
					_, err = m.Write(ctx, key, append(value, byte('a'+i)), revision)
				}
				return err
			})
		})
		writers.Go(func() {
			until(t, &conflicts, func() error { return addToSlot(ctx, m, far, byte('a'+i), i%2 == 0) })
		})
		writers.Go(func() { // one that finds neither makes either, so that only one of the two may ever be
			mine := []meeting.Key{here, next}[i%2]
			until(t, &conflicts, func() error {
				values, group, err := m.ReadGroup(ctx, "net", here.Group, []string{here.Name, next.Name})
				if err != nil {
					return err
				}
				for j, there := range []meeting.Key{here, next} {
					if values[j] != nil {
						_, err = m.Write(ctx, there, append(values[j], byte('a'+i)), group)
						return err
					}
				}
				_, err = m.Write(ctx, mine, []byte{byte('a' + i)}, group)
				return err
			})
		})
	}
	writers.Wait()
	value, revision, err := stores[0].Read(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	slot, slotRevision, err := stores[2].Read(ctx, far)
	if err != nil {
		t.Fatal(err)
	}
	values, group, err := stores[1].ReadGroup(ctx, "net", here.Group, []string{here.Name, next.Name})
	if err != nil {
		t.Fatal(err)
	}
	if (values[0] == nil) == (values[1] == nil) {
		t.Errorf("of two events that exclude each other there are %q", values)
	}
	for what, got := range map[string][]byte{"entry": value, "slot": slot, "group": append(values[0], values[1]...)} {
		slices.Sort(got)
		if string(got) != "abcdefghijkl" {
			t.Errorf("%s: written by %q; want each of a to l once", what, got)
		}
	}
	if conflicts.Load() == 0 {
		t.Error("there was no conflict, so this tells nothing")
	}
	last := here
	if values[1] != nil {
		last = next
	}
	for key, revision := range map[meeting.Key]uint64{key: revision, far: slotRevision, last: group} {
		if err := stores[3].Remove(ctx, key, revision); err != nil {
			t.Errorf("removing %v: %v", key, err)
		}
	}
}

// addToSlot adds a letter to a slot's entry, as one does who is near the slot's edge or one who is not.
func addToSlot(ctx context.Context, m *jetstream.Meetings, key meeting.Key, letter byte, near bool) error {
	if near {
		values, group, err := m.ReadGroup(ctx, key.Network, key.Group, []string{key.Name, "10"})
		if err == nil {
			_, err = m.Write(ctx, key, append(values[0], letter), group)
		}
		return err
	}
	value, revision, err := m.Read(ctx, key)
	if err == nil {
		_, err = m.Write(ctx, key, append(value, letter), revision)
	}
	return err
}

// until tries again while another was faster.
func until(t *testing.T, conflicts *atomic.Int64, try func() error) {
	for {
		err := try()
		if err == nil {
			return
		}
		if !errors.Is(err, meeting.ErrConflict) {
			t.Error(err)
			return
		}
		conflicts.Add(1)
	}
}

func TestMeetingPlaces(t *testing.T) {
	t.Parallel()
	_, c, m := startMeetings(t)
	ctx := within(t, patience)
	publish(t, c, "captures.net.a", 4, 100)
	source := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 4})
	var places []meeting.Place
	var data []string
	for range 4 {
		d := next(t, source)
		data = append(data, string(d.Data))
		places = append(places, meeting.Place{Sequence: d.StreamSequence, Stored: d.Timestamp.UnixNano()})
	}
	other := places[1]
	other.Stored++
	asked := []meeting.Place{places[0], other, {Sequence: 99, Stored: 1}, places[2]}
	found, err := m.Fetch(ctx, asked)
	if err != nil {
		t.Fatal(err)
	}
	if found[0] == nil || found[1] != nil || found[2] != nil || found[3] == nil {
		t.Fatalf("fetched %v; want the first and the last", found)
	}
	if found[0].Subject != "captures.net.a" || string(found[0].Data) != data[0] || string(found[3].Data) != data[2] ||
		found[0].Stored.UnixNano() != places[0].Stored || found[0].Header["Nats-Msg-Id"] == nil || len(found[0].Header) != 1 {
		t.Errorf("fetched %+v", found[0])
	}
	old := places[3]
	old.Stored = time.Now().Add(-time.Hour).UnixNano() // of a stream before this one
	for range 2 {                                      // the second time they are gone
		if err := m.Delete(ctx, []meeting.Place{places[0], places[1], old, {Sequence: 99, Stored: old.Stored}}); err != nil {
			t.Error(err)
		}
	}
	if err := m.Delete(ctx, nil); err != nil {
		t.Error(err)
	}
	found, err = m.Fetch(ctx, places)
	if err != nil || found[0] != nil || found[1] != nil || found[2] == nil || found[3] == nil {
		t.Errorf("after two were deleted: %v, %v", found, err)
	}
	waitFor(t, "two captures left for the consumer", func() bool { lag := mustLag(t, c); return lag.Total == 2 && lag.InFlight == 2 })
}

func TestMeetingBehind(t *testing.T) {
	t.Parallel()
	_, c, m := startMeetings(t)
	ctx := within(t, patience)
	behindOf := func(network string, then time.Time) bool {
		t.Helper()
		is, err := m.Behind(ctx, network, then)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	behind := func(then time.Time) bool { t.Helper(); return behindOf("net", then) }
	before, err := m.Now(ctx)
	if err != nil || time.Since(before).Abs() > time.Minute {
		t.Fatalf("the server's clock says %v, %v", before, err)
	}
	if behind(before) {
		t.Error("behind before there was anything")
	}
	publish(t, c, "captures.net.a", 1, 100)
	if behind(before) {
		t.Error("behind by a capture that came later")
	}
	waitFor(t, "being behind by the capture", func() bool { return behind(time.Now().Add(time.Hour)) }) // that nothing waits was seen just now
	if behindOf("other", time.Now().Add(time.Hour)) {
		t.Error("behind by another network's capture")
	}
	source := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	stored := next(t, source).Timestamp
	waitFor(t, "not being behind, as it is with a worker", func() bool { return !behind(stored.Add(time.Nanosecond)) })
}

// TestFilterOf narrows the filters of pools to one network's captures.
func TestFilterOf(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		">": "captures.net.*", "captures.>": "captures.net.*", "captures.net.>": "captures.net.*", "captures.net.*": "captures.net.*",
		"captures.net.a": "captures.net.a", "captures.*.a": "captures.net.a", "captures.*.*": "captures.net.*", "*.net.>": "captures.net.*",
		"captures.other.>": "", "captures.net": "", "captures.net.a.b": "", "captures.net.a.>": "", "dead.>": "",
	} {
		got, ok := jetstream.FilterOf(filter, "net")
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v; want %q", filter, got, ok, want)
		}
	}
}
