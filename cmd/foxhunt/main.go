// Foxhunt locates radio transmitters from what several receivers hear, as a stream.
//
// One binary, one subcommand a role: see foxhunt --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	err := newRoot().ExecuteContext(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "foxhunt: interrupted:", err)
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "foxhunt:", err)
		os.Exit(exitCode(err))
	}
}

// exitError is an error with an exit code of its own; that of others is 1.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitPassing says that the same command may succeed later: EX_TEMPFAIL of sysexits.h.
const exitPassing = 75

func exitCode(err error) int {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e.code
	case isPassing(err):
		return exitPassing
	}
	return 1
}

// untilStopped is for commands without an end of their own: to be stopped is how they succeed.
func untilStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "foxhunt",
		Short: "Locate radio transmitters from what several receivers hear, as a stream",
		Long: `Foxhunt locates radio transmitters from what several receivers hear, as a stream.

Stations publish captures to NATS JetStream; workers pull them, locate the transmitter, and publish
fixes with an ellipse that can be believed.

Every flag has an environment variable: --http-listen is FOXHUNT_HTTP_LISTEN.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnvironment(cmd.Flags(), os.LookupEnv) },
	}
	root.AddCommand(newUp(), newWorker(), newGateway(), newPublish(), newStation(), newCapture(), newFetch(), newSimulate(), newWatch(), newEvaluate(), newLoadtest(), newCache(), newLag(), newDead(), newExporter(), newModel(), newNKey(), newDoctor(), newHealth())
	return root
}

// flagsFromEnvironment gives each flag that the command line leaves out the value of its environment variable.
func flagsFromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "FOXHUNT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := lookup(name); ok && !f.Changed && failed == nil {
			if err := flags.Set(f.Name, value); err != nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
		}
	})
	return failed
}
