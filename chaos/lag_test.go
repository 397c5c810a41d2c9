package chaos

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// reading is what the exporter served of one look at the server.
type reading struct {
	at       time.Time // when the look had ended
	took     time.Duration
	total    float64 // of all subjects
	subjects map[string]float64
	inFlight float64
}

const publishers = 8 // stations that may wait for a PubAck, so that whether their capture counts is open

// compareLag has four workers at work and reads the exporter's metrics all the while. Every reading is held against the
// ledger: the lag may be off by what is in flight, on the way in or out, and by nothing when all is quiet.
func compareLag(t *testing.T, h *House) string {
	address := h.startExporter()
	ctx, stop := context.WithCancel(t.Context())
	var readings []reading
	var reader sync.WaitGroup
	reader.Go(func() { readings = readAll(ctx, t, address) })
	crew := h.NewCrew(4, "--lanes", "1") // so that there is some lag
	traffic := steady(t, *captures, *duration/2)
	traffic.Stations = publishers
	h.Publish(t.Context(), traffic)
	h.Settle(*settling)
	crew.Stop()
	stop()
	reader.Wait()
	h.checkQuiet(address, 0, 0)
	h.Publish(t.Context(), Traffic{Captures: 50, Make: traffic.Make}) // nobody works on these
	h.checkQuiet(address, 5, 10)
	h.NewCrew(2)
	h.Settle(*settling)
	h.checkQuiet(address, 0, 10)
	h.measure = func() { h.judgeReadings(t, readings) }
	return fmt.Sprintf("four workers; %d readings of the lag", len(readings))
}

// startExporter starts foxhunt exporter and gives the address of its metrics.
func (h *House) startExporter() string {
	h.t.Helper()
	address := freeAddress(h.t)
	p, err := startProcess(h.t, "exporter", h.t.TempDir(), h.env, h.programs.Foxhunt,
		"exporter", "--nats", h.URL(), "--http-listen", address, "--interval", "1s")
	if err != nil {
		h.t.Fatal(err)
	}
	waitFor(h.t, "the exporter's first reading", func() bool {
		r, err := scrape(address)
		return err == nil && !r.at.IsZero()
	})
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.t.Logf("the exporter's log:\n%s", p.Log.Tail(20))
		}
	})
	return address
}

// readAll collects the exporter's readings until ctx ends.
func readAll(ctx context.Context, t *testing.T, address string) (all []reading) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-tick.C:
		}
		r, err := scrape(address)
		if err != nil {
			t.Errorf("the exporter's metrics: %v", err)
			return all
		}
		if len(all) == 0 || r.at.After(all[len(all)-1].at) {
			all = append(all, r)
		}
	}
}

var metricLine = regexp.MustCompile(`(?m)^(foxhunt_\w+)(?:\{subject="([^"]*)"\})? (\S+)$`)

// scrape reads the exporter's metrics.
func scrape(address string) (r reading, err error) {
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return r, err
	}
	r.subjects = make(map[string]float64)
	for _, line := range metricLine.FindAllStringSubmatch(string(text), -1) {
		value, err := strconv.ParseFloat(line[3], 64)
		if err != nil {
			return r, err
		}
		switch line[1] {
		case "foxhunt_lag_last_success_timestamp_seconds":
			r.at = time.UnixMicro(int64(math.Round(value * 1e6)))
		case "foxhunt_lag_poll_duration_seconds":
			r.took = time.Duration(value * float64(time.Second))
		case "foxhunt_subject_lag_captures":
			r.subjects[line[2]] = value
			r.total += value
		case "foxhunt_consumer_in_flight_captures":
			r.inFlight = value
		}
	}
	return r, nil
}

// checkQuiet expects that the next reading, begun when all is quiet, says of each subject, of which there are at least so
// many, that so many captures wait.
func (h *House) checkQuiet(address string, each float64, least int) {
	h.t.Helper()
	began := time.Now()
	var r reading
	waitFor(h.t, "the next reading", func() (done bool) {
		var err error
		r, err = scrape(address)
		return err == nil && r.at.Add(-r.took).After(began)
	})
	if len(r.subjects) < least {
		h.t.Errorf("the exporter shows %d subjects, want %d", len(r.subjects), least)
	}
	for subject, lag := range r.subjects {
		if !strings.HasPrefix(subject, "captures.chaos.s") || lag != each {
			h.t.Errorf("when all is quiet the exporter says that %g captures of %s wait; want %g", lag, subject, each)
		}
	}
}

// judgeReadings holds every reading against the ledger. A reading is of some moment between its beginning and its end.
func (h *House) judgeReadings(t *testing.T, readings []reading) {
	var errors []float64
	for _, r := range readings {
		least, most := h.waiting(r.at.Add(-r.took), r.at)
		off := max(least-r.total, r.total-most, 0)
		errors = append(errors, off)
		if off > r.inFlight+publishers {
			t.Errorf("the exporter said %g after %v, in which by the ledger there were %g to %g, with %g in flight and up to %d being published",
				r.total, r.took, least, most, r.inFlight, publishers)
		}
	}
	if len(errors) == 0 {
		t.Fatal("there is no reading of the lag to judge")
	}
	slices.Sort(errors)
	table.Measured("the lag of %d readings under load is off by %g captures at the median, %g at most; by 0 when quiet", len(errors), errors[len(errors)/2], errors[len(errors)-1])
}

// waiting is how many captures of all stations waited in a time, as the ledger tells.
func (h *House) waiting(from, to time.Time) (least, most float64) {
	for i := range 10 {
		l, m := h.Ledger.Waiting(fmt.Sprintf("captures.chaos.s%d", i), from, to)
		least, most = least+float64(l), most+float64(m)
	}
	return least, most
}
