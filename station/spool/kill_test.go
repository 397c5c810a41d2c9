package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// TestKill kills a station with -9 again and again, at any moment, while its cable to a real server is cut and the server
// restarted. Then the ledger must be right: every capture that Put returned for is in the stream once, as it was put, and no number
// was given twice.
func TestKill(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	server.Connect(t) // makes the streams
	line := newCable(t, strings.TrimPrefix(server.ClientURL(), "nats://"))
	dir, ledger := t.TempDir(), filepath.Join(t.TempDir(), "ledger")
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		end := startChild(t, dir, line.url(), ledger, sizeOf(ledger))
		var cutting sync.WaitGroup
		cutting.Go(func() {
			for range rand.N(3) {
				time.Sleep(rand.N(40 * time.Millisecond))
				line.cut()
			}
		})
		if round%8 == 7 {
			server.Restart(t)
		}
		time.Sleep(rand.N(100 * time.Millisecond)) // the moment is what the test is about
		end()
		cutting.Wait()
	}
	s := open(t, options(dir))
	left := s.Stats()
	conn, err := connect(t.Context(), line.url())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop := run(t, s, sendOver(conn))
	drain(t, s)
	stop()
	promised := readLedger(t, ledger)
	stored := readStream(t, server.ClientURL())
	compare(t, promised, stored, s.Stats().Sequence)
	t.Logf("%d times killed: %d captures promised, %d left in the spool for the last process, %d in the stream: none lost, none twice, no number used again",
		rounds, len(promised), left.Waiting, len(stored))
}

// startChild starts a station and returns once it has spooled something. end kills it.
func startChild(t *testing.T, dir, url, ledger string, size int64) (end func()) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childLedger+"="+ledger)
	var said strings.Builder
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	end = func() {
		command.Process.Kill()
		<-ended
		if text := said.String(); text != "" {
			t.Errorf("the station says: %s", text)
		}
	}
	for until := time.Now().Add(30 * time.Second); sizeOf(ledger) == size; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			end()
			t.Fatal("the station spools nothing")
		}
	}
	return end
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// readLedger is the lines by their captures' ids.
func readLedger(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	promised := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		promised[strings.Fields(lines.Text())[1]] = lines.Text() + "\n"
	}
	return promised
}

func captureStream(ctx context.Context, t testing.TB, url string) js.Stream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	client, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := client.Stream(ctx, "CAPTURES")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func emptyStream(t testing.TB, url string) {
	t.Helper()
	if err := captureStream(t.Context(), t, url).Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// readStream is what the stream holds, each capture as its line of a ledger, in the order of the stream.
func readStream(t *testing.T, url string) (stored []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream := captureStream(ctx, t, url)
	for sequence := uint64(1); ; {
		m, err := stream.GetMsg(ctx, sequence, js.WithGetMsgSubject("captures.>"))
		if errors.Is(err, js.ErrMsgNotFound) {
			return stored
		}
		if err != nil {
			t.Fatal(err)
		}
		id := decoded(t, m.Data).ID
		if got := m.Header.Get(js.MsgIDHeader); got != id {
			t.Errorf("capture %s is in the stream under id %s", id, got)
		}
		stored = append(stored, line(messages.Sequence(m.Header), id, m.Data))
		sequence = m.Sequence + 1
	}
}

// compare holds the stream against what was promised.
func compare(t *testing.T, promised map[string]string, stored []string, last uint64) {
	t.Helper()
	numbers, ids := map[string]string{}, map[string]bool{}
	for _, entry := range stored {
		fields := strings.Fields(entry)
		if want := promised[fields[1]]; want != "" && want != entry {
			t.Errorf("promised was %sstored is %s", want, entry)
		}
		if ids[fields[1]] {
			t.Errorf("capture %s is in the stream twice", fields[1])
		}
		if other := numbers[fields[0]]; other != "" && other != fields[1] {
			t.Errorf("captures %s and %s both have number %s", other, fields[1], fields[0])
		}
		ids[fields[1]], numbers[fields[0]] = true, fields[1]
	}
	for id, entry := range promised {
		if !ids[id] {
			t.Errorf("lost: %s", entry)
		}
	}
	for n := uint64(1); n <= last; n++ {
		if numbers[fmt.Sprint(n)] == "" {
			t.Errorf("no capture has number %d, and none was said to be lost", n)
		}
	}
}
