package spool_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/station/spool"
)

// The environment of a child: this test's program as a station, which spools and sends until it is killed.
const (
	childDir    = "SPOOL_TEST_DIR"
	childURL    = "SPOOL_TEST_URL"
	childLedger = "SPOOL_TEST_LEDGER"
)

func TestMain(m *testing.M) {
	for variable, run := range map[string]func(string) error{limitedDir: limited, restartedDir: restarted} {
		if dir := os.Getenv(variable); dir != "" {
			err := takeLittle()
			if err == nil {
				err = run(dir)
			}
			fmt.Println(err)
			os.Exit(0)
		}
	}
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir, os.Getenv(childURL), os.Getenv(childLedger)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child writes a line to the ledger for each capture that Put returned for.
func child(dir, url, ledger string) error {
	s, err := spool.Open(options(dir))
	if err != nil {
		return err
	}
	s.Hasten(time.Millisecond, 20*time.Millisecond, 50*time.Millisecond)
	lines, err := os.OpenFile(ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	go func() {
		conn, err := connect(context.Background(), url)
		if err == nil {
			err = s.Run(context.Background(), sendOver(conn))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}()
	for i := 0; ; i++ {
		item, err := s.Put(capture(10 + 1000*(i%5)))
		if err != nil {
			return err
		}
		if _, err := lines.WriteString(line(item.Sequence, item.ID, item.Data)); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// line is an entry of the ledger.
func line(sequence uint64, id string, data []byte) string {
	return fmt.Sprintf("%d %s %x\n", sequence, id, sha256.Sum256(data))
}

func connect(ctx context.Context, url string) (*jetstream.Conn, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		conn, err := jetstream.Connect(attempt, jetstream.Options{URL: url, Name: "spool test", Log: slog.New(slog.DiscardHandler)})
		cancel()
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
}

// sendOver sends as the station does, but for what a failure means.
func sendOver(conn *jetstream.Conn) func(context.Context, spool.Item) error {
	return func(ctx context.Context, item spool.Item) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := conn.PublishNumbered(ctx, item.Subject, item.ID, item.Sequence, item.Data)
		return err
	}
}

func decoded(t testing.TB, data []byte) *messages.Capture {
	t.Helper()
	c := new(messages.Capture)
	if err := c.Decode(data); err != nil {
		t.Fatal(err)
	}
	return c
}
