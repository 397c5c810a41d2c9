package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"foxhunt/model"
	"foxhunt/model/grid"
)

func newModel() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "model",
		Short:   "Build, check and push models, and say which of them serve",
		Example: "  foxhunt model info grid",
	}
	cmd.AddCommand(newModelBuild(), newModelInfo(), newModelCheck(), newModelReload(), newModelStatus(), newModelPush(), newModelList(), newModelDelete(), newModelPlan(),
		newModelPromote(), newModelRollback(), newModelSplit(), newModelShadow(), newModelStop(), newModelEvents(), newModelCompare())
	return cmd
}

func newModelBuild() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the default model, a Bayesian grid estimator, as an ONNX file",
		Long: `Write the default model, a Bayesian grid estimator, as an ONNX file.

The file needs no training, takes any number of receivers from 2 to 32, and is the one that is built in.`,
		Example: "  foxhunt model build --out grid.onnx",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := grid.Build()
			if err != nil {
				return err
			}
			if err := os.WriteFile(out, data, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes\n", out, len(data))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "grid.onnx", "file to write")
	return cmd
}

func newModelInfo() *cobra.Command {
	var runtimePath string
	var asJSON bool
	var finder modelFinder
	cmd := &cobra.Command{
		Use:   "info [MODEL]",
		Short: "Show a model's name, digest, inputs, outputs and contract",
		Long: `Show a model's name, digest, inputs, outputs and contract.

The model is grid (the default one), a file or a folder, models:/NAME@ALIAS of an MLflow server, or nats:NAME of
NATS's object store.`,
		Example: `  foxhunt model info grid --json
  foxhunt model info nats:net@3`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "grid"
			if len(args) == 1 {
				name = args[0]
			}
			path, sidecar, done, err := finder.find(cmd.Context(), name, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer done()
			runtime, err := startRuntime(runtimePath)
			if err != nil {
				return err
			}
			defer runtime.Stop()
			m, err := loadModelWith(runtime, path, model.Options{OptimizedDir: modelCache(), Sidecar: sidecar})
			if err != nil {
				return err
			}
			defer m.Close()
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(m.Info())
			}
			return printModel(cmd.OutOrStdout(), m.Info())
		},
	}
	finder.register(cmd.Flags())
	cmd.Flags().StringVar(&runtimePath, "onnxruntime", "", "ONNX Runtime's shared library (default: what make brought into .cache)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func printModel(out io.Writer, info model.Info) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "name\t%s\nversion\t%s\ndigest\t%s\nsize\t%d bytes, %d nodes\n", info.Name, info.Version, info.Digest, info.Bytes, info.Nodes)
	fmt.Fprintf(table, "producer\t%s\nruntime\tONNX Runtime %s\n", harmless(info.Producer), info.Runtime)
	if info.Accuracy != "" {
		fmt.Fprintf(table, "accuracy\t%s (as the model states it)\n", harmless(info.Accuracy))
	}
	fmt.Fprintf(table, "frame\t%s\nreceivers\t%d to %d\n", info.Contract.Frame, info.Contract.Receivers.Min, info.Contract.Receivers.Max)
	for i, input := range info.Inputs {
		fmt.Fprintf(table, "input\t%s\tfeature %s\n", input, info.Contract.Inputs[i].Feature)
	}
	for _, output := range info.Outputs {
		fmt.Fprintf(table, "output\t%s\n", output)
	}
	return table.Flush()
}

// startRuntime finds and starts ONNX Runtime.
func startRuntime(path string) (*model.Runtime, error) {
	path, err := model.FindRuntime(path)
	if err != nil {
		return nil, err
	}
	return model.Start(path)
}

// statedAccuracy is the accuracy that a model states of itself, where that is a number.
func statedAccuracy(info model.Info) *float64 {
	accuracy, err := strconv.ParseFloat(info.Accuracy, 64)
	if err != nil {
		return nil
	}
	return &accuracy
}
