package spool_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/station/spool"
)

// BenchmarkPut: 1 s at 12 kHz, cu8. What it takes is the disk's two confirmations, of the file and of its folder.
func BenchmarkPut(b *testing.B) {
	s := open(b, options(b.TempDir()))
	c := capture(12_000)
	for b.Loop() {
		c.ID = ""
		put(b, s, c)
	}
}

// BenchmarkDrain sends 10,000 small captures, as after an outage, to a real server on this machine, without its fsync.
func BenchmarkDrain(b *testing.B) {
	const captures = 10_000
	server := jetstreamtest.Start(b)
	conn := server.Connect(b)
	var took time.Duration
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		fill(b, dir, captures)
		s := open(b, options(dir))
		b.StartTimer()
		start := time.Now()
		stop := run(b, s, sendOver(conn))
		drain(b, s)
		took += time.Since(start)
		b.StopTimer()
		stop()
		emptyStream(b, server.ClientURL())
		b.StartTimer()
	}
	b.ReportMetric(captures*float64(b.N)/took.Seconds(), "captures/s")
}

// BenchmarkOpen reads a folder with 10,000 captures.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 10_000)
	for b.Loop() {
		s, err := spool.Open(options(dir))
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// fill writes captures' files without waiting for the disk.
func fill(b *testing.B, dir string, captures int) {
	b.Helper()
	open(b, options(dir)).Close() // makes the folder
	for n := range captures {
		c := capture(100)
		data, err := c.Encode(nil)
		if err != nil {
			b.Fatal(err)
		}
		item := spool.Item{Sequence: uint64(n + 1), ID: c.ID, Subject: "captures.net.st-1", Time: time.Now(), Data: data}
		file, err := spool.EncodeFile(item)
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("%016d-%d.capture", item.Sequence, item.Time.UnixMilli())
		writeFile(b, filepath.Join(dir, network+"."+station, name), file)
	}
}
