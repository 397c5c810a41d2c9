package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"foxhunt/messages"
)

// presence knows which stations were heard lately, by any worker. Each tells the others, in a key-value bucket, at most once a
// minute of a station; all hear it as it is published, without a consumer, and read the bucket every minute, in case that they
// missed something. Nothing depends on it but how soon an event is complete.
type presence struct {
	conn   *Conn
	bucket string
	lapse  time.Duration
	now    func(context.Context) (time.Time, error) // by the server's clock

	cancel context.CancelFunc
	reader sync.WaitGroup
	unhear func()

	mu     sync.Mutex
	places map[presencePlace]map[string]heardStation
	known  int                                  // entries in places
	told   map[toldStation]map[string]time.Time // by hertz: when this process told of it, by its own clock
}

// presencePlace is where a station is heard, and presenceKey names it there; a key of the bucket is <network>.<hertz>.<station>.
type (
	presencePlace struct{ network, hertz string }
	presenceKey   struct{ network, hertz, station string }
	toldStation   struct{ network, station string }
)

// heardStation is when a station was heard, in ns by the server's clock.
type heardStation struct {
	first int64 // of the time that it has been heard without a pause as long as it takes to lapse
	last  int64
}

// heardEntry is a value of the bucket.
type heardEntry struct {
	First int64 `json:"first"` // ns since 1970, by the server's clock
}

const (
	tellEvery  = time.Minute
	lookEvery  = time.Minute
	mostHeard  = 100_000 // entries; each takes some 200 bytes
	mostPlaces = 64      // frequencies that one process tells of a station in a minute, so that one that makes them up fills nothing
)

// start begins to keep the view, and returns once it is as the bucket.
func (p *presence) start(ctx context.Context) error {
	p.places, p.told = map[presencePlace]map[string]heardStation{}, map[toldStation]map[string]time.Time{}
	unhear, err := p.conn.SubscribePlain(bucketSubjects(p.bucket), p.onHeard)
	if err != nil {
		return err
	}
	if err := p.look(ctx); err != nil {
		unhear()
		return err
	}
	p.unhear = unhear
	ctx, p.cancel = context.WithCancel(context.Background())
	p.reader.Go(func() { p.run(ctx) })
	return nil
}

func (p *presence) stop() {
	p.cancel()
	p.reader.Wait()
	p.unhear()
}

// run reads the bucket every minute, and soon after the connection came back.
func (p *presence) run(ctx context.Context) {
	reconnects, looked := p.conn.Reconnects(), time.Now()
	for sleep(ctx, time.Second) {
		if now := p.conn.Reconnects(); now == reconnects && time.Since(looked) < lookEvery {
			continue
		} else if p.look(ctx) == nil {
			reconnects, looked = now, time.Now()
		}
	}
}

// look reads the bucket, and forgets who has not been heard for the time after which entries lapse.
func (p *presence) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	now, err := p.now(ctx)
	if err != nil {
		return err
	}
	if err = p.read(ctx); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Code == CodeNoStream {
			p.conn.miss()
		}
		return err
	}
	p.forget(now)
	return nil
}

// read walks over the bucket, which holds one message a key.
func (p *presence) read(ctx context.Context) error {
	_, err := p.conn.eachStored(ctx, bucketStream+p.bucket, bucketSubjects(p.bucket), mostHeard, func(m StreamMessage) {
		if m.Header.Get("KV-Operation") == "" {
			p.note(m.Subject, m.Data, m.Time.UnixNano())
		}
	})
	return err
}

// onHeard hears what a worker tells, as it is published: its time is that of this moment.
func (p *presence) onHeard(subject string, data []byte) {
	if now, err := p.now(context.Background()); err == nil {
		p.note(subject, data, now.UnixNano())
	}
}

// note takes an entry of the bucket into the view. Others may have made it up.
func (p *presence) note(subject string, data []byte, at int64) {
	key, ok := p.parse(subject)
	var entry heardEntry
	if !ok || len(data) > 256 || json.Unmarshal(data, &entry) != nil || entry.First <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(key, heardStation{min(entry.First, at), at})
}

func (p *presence) parse(subject string) (key presenceKey, ok bool) {
	tokens := strings.Split(strings.TrimPrefix(subject, strings.TrimSuffix(bucketSubjects(p.bucket), ">")), ".")
	if len(tokens) != 3 {
		return key, false
	}
	for _, token := range tokens {
		if messages.ValidateToken("key", token) != nil {
			return key, false
		}
	}
	return presenceKey{tokens[0], tokens[1], tokens[2]}, true
}

// add notes that a station was heard, and keeps since when it has been. The lock is held.
func (p *presence) add(key presenceKey, heard heardStation) {
	place := presencePlace{key.network, key.hertz}
	before, known := p.places[place][key.station]
	if known {
		heard.last = max(heard.last, before.last)
		if heard.first-before.last < int64(p.lapse) {
			heard.first = min(heard.first, before.first)
		}
	} else if p.known >= mostHeard {
		return
	} else {
		p.known++
	}
	if p.places[place] == nil {
		p.places[place] = map[string]heardStation{}
	}
	p.places[place][key.station] = heard
}

// forget drops whoever has not been heard for long.
func (p *presence) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = 0
	for place, stations := range p.places {
		maps.DeleteFunc(stations, func(_ string, h heardStation) bool { return h.last < now.Add(-p.lapse).UnixNano() })
		if p.known += len(stations); len(stations) == 0 {
			delete(p.places, place)
		}
	}
	for station := range p.told {
		if p.toldLately(station) == 0 {
			delete(p.told, station)
		}
	}
}

// toldLately forgets what was told more than a minute ago of a station, and says how much is left. The lock is held.
func (p *presence) toldLately(station toldStation) int {
	maps.DeleteFunc(p.told[station], func(_ string, at time.Time) bool { return time.Since(at) >= tellEvery })
	return len(p.told[station])
}

// hear notes that a station was heard now, and tells the others if none was told of it for a minute. What cannot be sent is
// told with the next capture.
func (p *presence) hear(key presenceKey) {
	if !p.isDue(key) || !p.conn.Connected() {
		return
	}
	now, err := p.now(context.Background())
	if err != nil {
		return
	}
	value, err := json.Marshal(heardEntry{p.hearNow(key, now.UnixNano())})
	if err != nil { // a number: cannot happen
		panic(err)
	}
	subject := "$KV." + p.bucket + "." + key.network + "." + key.hertz + "." + key.station
	if err := p.conn.nc.Publish(subject, value); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.told[toldStation{key.network, key.station}], key.hertz)
	}
}

// isDue says whether the others are to be told of a station.
func (p *presence) isDue(key presenceKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	station := toldStation{key.network, key.station}
	if at, told := p.told[station][key.hertz]; told && time.Since(at) < tellEvery {
		return false
	}
	return p.toldLately(station) < mostPlaces
}

// hearNow notes in the view that a station is heard, and that the others are told, and says since when it has been.
func (p *presence) hearNow(key presenceKey, now int64) (first int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(key, heardStation{now, now})
	station := toldStation{key.network, key.station}
	if p.told[station] == nil {
		p.told[station] = map[string]time.Time{}
	}
	p.told[station][key.hertz] = time.Now()
	if heard, known := p.places[presencePlace{key.network, key.hertz}][key.station]; known {
		return heard.first
	}
	return now
}

// heard are the stations of a place that have been heard since before then, and lately.
func (p *presence) heard(network, hertz string, then time.Time) []string {
	now, err := p.now(context.Background())
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var stations []string
	for station, h := range p.places[presencePlace{network, hertz}] {
		if h.first < then.UnixNano() && h.last >= now.Add(-p.lapse).UnixNano() {
			stations = append(stations, station)
		}
	}
	slices.Sort(stations)
	return stations
}
