package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"foxhunt/evaluate"
)

func newEvaluate() *cobra.Command {
	var scenes int
	var seed uint64
	var asJSON bool
	var modelName, runtimePath string
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Measure a model on random scenes: errors, and how often its ellipses hold the truth",
		Long: `Measure a model on random scenes: errors, and how often its ellipses hold the truth.

The scenes go through the very features and the very ONNX model that serve captures. The same seed gives the
same figures. The exit code is 1 where a figure that is owed is missed.`,
		Example: "  foxhunt evaluate --scenes 200 --seed 1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runtime, err := startRuntime(runtimePath)
			if err != nil {
				return err
			}
			defer runtime.Stop()
			m, err := loadModel(runtime, modelName)
			if err != nil {
				return err
			}
			defer m.Close()
			report, err := evaluate.Run(cmd.Context(), evaluate.Options{Scenes: scenes, Seed: seed, Model: m, Progress: showProgress})
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(report)
			} else {
				err = report.WriteTable(cmd.OutOrStdout())
			}
			if err == nil && !report.Pass {
				err = errors.New("a figure that is owed was missed")
			}
			return err
		},
	}
	cmd.Flags().IntVar(&scenes, "scenes", 2000, "random scenes of each kind")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the same seed gives the same scenes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&modelName, "model", "grid", "model: grid (built in), or an ONNX file")
	cmd.Flags().StringVar(&runtimePath, "onnxruntime", "", "ONNX Runtime's shared library (default: what make brought into .cache)")
	return cmd
}

// showProgress writes over its own line on standard error, a hundred times in all.
func showProgress(done, total int) {
	if step := max(total/100, 1); done%step == 0 || done == total {
		fmt.Fprintf(os.Stderr, "\r%d of %d scenes", done, total)
	}
	if done == total {
		fmt.Fprintln(os.Stderr)
	}
}
