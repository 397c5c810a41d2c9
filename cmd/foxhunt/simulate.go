package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/sim"
)

// simulation publishes captures of the demo scene, and where their emitters were.
type simulation struct {
	network string
	rate    float64 // captures a second
	count   int     // 0: no end
	seed    uint64
	truth   bool // the captures say where their emitters were
}

func newSimulate() *cobra.Command {
	var nats natsOptions
	var traces traceOptions
	var s simulation
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Publish captures of simulated receivers, and the truth on a subject of its own",
		Long: `Publish captures of seven simulated receivers in north-west Italy, which hear several emitters in turn.

Where the emitters were is published on truth.<network>.<emitter>, which only watch listens to, to print the
error of the fix. A capture is of all receivers, under its emitter's name: workers locate it with --bundles 'demo.*'.

With --truth the captures say it themselves, as in a calibration. No model gets to see it; the fixes say how far off they are,
and foxhunt model compare holds models against each other by that.`,
		Example: `  foxhunt simulate --nats nats://127.0.0.1:4222 --rate 5 --count 100
  foxhunt simulate --nats nats://127.0.0.1:4222 --rate 20 --count 2000 --truth`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(os.Stderr, nil))
			nats.Log = log
			_, endTracing, err := traces.start(cmd.Context(), &nats.Options, "simulate", log)
			if err != nil {
				return err
			}
			defer endTracing()
			conn, err := nats.connect(cmd.Context(), "simulate")
			if err != nil {
				return err
			}
			defer conn.Close()
			return s.run(cmd.Context(), conn, log)
		},
	}
	nats.register(cmd.Flags())
	traces.register(cmd.Flags())
	cmd.Flags().StringVar(&s.network, "network", "demo", "network that the receivers belong to")
	cmd.Flags().Float64Var(&s.rate, "rate", 2, "captures a second")
	cmd.Flags().IntVar(&s.count, "count", 0, "end after so many captures; 0: no end")
	cmd.Flags().BoolVar(&s.truth, "truth", false, "captures say where their emitters were, so that fixes say how far off they are")
	cmd.Flags().Uint64Var(&s.seed, "seed", 1, "the same seed gives the same noise")
	return cmd
}

// run publishes until the count is reached or ctx ends. A capture that cannot be stored now is told and passed over; with a
// count, that is an error at the end. What will not pass is an error at once.
func (s *simulation) run(ctx context.Context, conn *jetstream.Conn, log *slog.Logger) error {
	if !(s.rate > 0) {
		return fmt.Errorf("rate is %v; want more than 0", s.rate)
	}
	scene := sim.Demo(time.Now())
	limiter := rate.NewLimiter(rate.Limit(s.rate), 1)
	failed := 0
	for n := 0; s.count == 0 || n < s.count; n++ {
		if err := limiter.Wait(ctx); err != nil {
			return s.interrupted(n)
		}
		capture, truth, err := scene.Capture(n%len(scene.Emitters), time.Now(), s.seed+uint64(n))
		if err != nil {
			return err
		}
		if err := s.publish(ctx, conn, capture, truth); err != nil && ctx.Err() == nil {
			if !isPassing(err) {
				return err
			}
			failed++
			log.Warn("a simulated capture was not stored", "error", err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d captures were not stored", failed, s.count)
	}
	return nil
}

// interrupted is an error only where an end was asked for.
func (s *simulation) interrupted(published int) error {
	if s.count == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d captures were published", published, s.count)
}

func (s *simulation) publish(ctx context.Context, conn *jetstream.Conn, capture *messages.Capture, truth *messages.Truth) error {
	subject, err := messages.CaptureSubject(s.network, truth.Emitter)
	if err != nil {
		return err
	}
	if s.truth {
		capture.Truth = &messages.Position{Latitude: truth.Latitude, Longitude: truth.Longitude}
	}
	data, err := capture.Encode(nil)
	if err != nil {
		return err
	}
	if err := s.publishTruth(conn, truth); err != nil {
		return err
	}
	stored, err := conn.PublishCapture(ctx, subject, capture.ID, data)
	if err == nil && stored.Duplicate {
		return fmt.Errorf("the stream already holds a message of id %s: somebody else uses this id", capture.ID)
	}
	return err
}

func (s *simulation) publishTruth(conn *jetstream.Conn, truth *messages.Truth) error {
	subject, err := messages.TruthSubject(s.network, truth.Emitter)
	if err != nil {
		return err
	}
	data, err := truth.Encode()
	if err != nil {
		return err
	}
	return conn.PublishPlain(subject, data)
}
