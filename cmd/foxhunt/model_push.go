package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// modelPush is what foxhunt model push was asked for.
type modelPush struct {
	plans
	name, version string
	timeout       time.Duration
	asJSON        bool
}

func newModelPush() *cobra.Command {
	var o modelPush
	cmd := &cobra.Command{
		Use:   "push FILE",
		Short: "Put a model into NATS's object store, for every worker to fetch",
		Long: `Put a model into NATS's object store, for every worker to fetch.

FILE is an ONNX file or a folder with one; weights in other files beside it, and its contract (FILE.contract.json or
foxhunt.contract), go with it. Any other reference is taken, too: models:/NAME@ALIAS copies a model from MLflow.

A model of a name gets the next number as its version unless --version says another. A version is never written again, and
is seen only when all of it is stored. Nothing serves it before it is promoted.`,
		Example: `  foxhunt model push grid.onnx --name grid --note "first try"
  foxhunt model push net.onnx --name net --version 2026-03-01`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.name == "" {
				return fmt.Errorf("no name is given; want --name, such as --name net")
			}
			if o.timeout <= 0 {
				return fmt.Errorf("timeout is %v; want more than 0", o.timeout)
			}
			if err := o.open(cmd); err != nil {
				return err
			}
			defer o.close()
			ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
			defer cancel()
			m, err := o.push(ctx, args[0])
			if err != nil {
				return err
			}
			if o.asJSON {
				return writeJSON(cmd.OutOrStdout(), m)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes, SHA-256 %s\nfoxhunt model promote %[1]s makes it champion\n", m.Ref(), m.Bytes, m.Digest)
			return err
		},
	}
	o.nats.register(cmd.Flags())
	o.names.registerPrefix(cmd.Flags())
	o.mlflow.register(cmd.Flags())
	cmd.Flags().StringVar(&o.name, "name", "", "name of the model: letters, digits, dots, - and _")
	cmd.Flags().StringVar(&o.version, "version", "", "its version, likewise (default: the next number)")
	cmd.Flags().StringVar(&o.note, "note", "", "what is worth knowing about it")
	cmd.Flags().StringVar(&o.by, "by", "", "who pushes it (default: user and host)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "how long it may take")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "as one JSON value")
	return cmd
}

// push makes one file of the model, and stores that.
func (o *modelPush) push(ctx context.Context, text string) (jetstream.Model, error) {
	ref, err := o.source(text)
	if err != nil {
		return jetstream.Model{}, err
	}
	sources, err := o.sources()
	if err != nil {
		return jetstream.Model{}, err
	}
	artifact, err := resolve(ctx, sources, ref)
	if err != nil {
		return jetstream.Model{}, err
	}
	stored, err := fetchOnce(ctx, sources, artifact)
	if err != nil {
		return jetstream.Model{}, err
	}
	defer stored.remove()
	file, err := os.Open(stored.Path)
	if err != nil {
		return jetstream.Model{}, err
	}
	defer file.Close()
	change, err := o.change(ctx)
	if err != nil {
		return jetstream.Model{}, err
	}
	m, err := o.conn.PushModel(ctx, o.topology, jetstream.Model{
		Name: o.name, Version: o.version, Note: change.Note, By: change.By, Contract: stored.Sidecar,
	}, file)
	if err != nil {
		return jetstream.Model{}, err
	}
	o.tell(ctx, rollout.Event{Kind: rollout.EventPushed, At: change.At, By: change.By, Model: m.Ref(), Digest: m.Digest,
		Sentence: fmt.Sprintf("%s pushed %s, %d bytes", change.By, m.Ref(), m.Bytes)})
	return m, nil
}

// source reads the argument: a file that is there, whatever its name, else any reference.
func (o *modelPush) source(text string) (registry.Ref, error) {
	if _, err := os.Stat(text); err == nil {
		return registry.ParseRef("file:" + filepath.Clean(text))
	}
	return registry.ParseRef(text)
}
