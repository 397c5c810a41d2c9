package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/model"
	"foxhunt/model/golden"
)

// modelCheck is what the command is told.
type modelCheck struct {
	loading
	finder            modelFinder
	runtime, contract string
	timeout           time.Duration
	asJSON            bool
	memory            int64         // bytes that it may take beyond those at its start; 0: as many as there are
	computing         time.Duration // that it may take, with memory
}

func newModelCheck() *cobra.Command {
	var o modelCheck
	cmd := &cobra.Command{
		Use:   "check [MODEL]",
		Short: "Try whether a model may serve, rule by rule",
		Long: `Try whether a model may serve, rule by rule.

The model is loaded and run on built-in captures, and on the golden vectors that it carries. Workers do the same, by
this very command in a process of its own, before they load a model. The exit code is 1 where the model breaks a rule.

The model is grid (the default one), a file or a folder, models:/NAME@ALIAS of an MLflow server, or nats:NAME of
NATS's object store.`,
		Example: `  foxhunt model check net.onnx
  foxhunt model check nats:net@3`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "grid"
			if len(args) == 1 {
				name = args[0]
			}
			if o.memory > 0 {
				if err := confine(o.memory, o.computing); err != nil {
					return err
				}
			}
			path, sidecar, done, err := o.finder.find(cmd.Context(), name, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer done()
			report, err := o.run(cmd.Context(), name, path, sidecar)
			if err != nil {
				return err
			}
			if o.asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(report)
			} else {
				err = report.print(cmd.OutOrStdout())
			}
			return errors.Join(err, report.refusal())
		},
	}
	flags := cmd.Flags()
	o.register(flags)
	o.finder.register(flags)
	flags.StringVar(&o.contract, "contract", "", "file of the contract, for a model that carries none (default: FILE.contract.json)")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "how long the check may take")
	flags.StringVar(&o.runtime, "onnxruntime", "", "ONNX Runtime's shared library (default: what make brought into .cache)")
	flags.BoolVar(&o.asJSON, "json", false, "as JSON")
	flags.Int64Var(&o.memory, "memory", 0, "be a child: a low priority, and no more than so many bytes")
	flags.DurationVar(&o.computing, "computing", time.Minute, "as a child, end after so much computing")
	_, _ = flags.MarkHidden("memory"), flags.MarkHidden("computing")
	return cmd
}

// checkReport is what a check found, as the command prints it.
type checkReport struct {
	Model   string       `json:"model"`
	Name    string       `json:"name,omitempty"`
	Version string       `json:"version,omitempty"`
	Digest  string       `json:"digest,omitempty"`
	OK      bool         `json:"ok"`
	Rules   []ruleReport `json:"rules"`
}

type ruleReport struct {
	Rule    string  `json:"rule"`
	Result  string  `json:"result"` // ok, refused, or skipped after a refusal
	Code    string  `json:"code,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds"`
}

// The results of a rule.
const (
	ruleOK      = "ok"
	ruleRefused = "refused"
	ruleSkipped = "skipped"
)

// run checks the model that is called name. An error is one of the check, not of the model.
func (o *modelCheck) run(ctx context.Context, name, path string, sidecar []byte) (*checkReport, error) {
	options := o.options()
	options.Sidecar = sidecar
	if o.contract != "" {
		text, err := os.ReadFile(o.contract)
		if err != nil {
			return nil, err
		}
		options.Sidecar = text
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	runtime, err := startRuntime(o.runtime)
	if err != nil {
		return nil, err
	}
	defer runtime.Stop()
	report := &checkReport{Model: name}
	began := time.Now()
	m, err := loadModelWith(runtime, path, options)
	var refused *model.Error
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	report.add(golden.Finding{Rule: "loads, and its inputs and outputs satisfy its contract", Refusal: refused, Took: time.Since(began)})
	if refused != nil {
		return report, nil
	}
	defer m.Close()
	info := m.Info()
	report.Name, report.Version, report.Digest = info.Name, info.Version, info.Digest
	for _, finding := range golden.Examine(ctx, m) {
		report.add(finding)
	}
	return report, nil
}

func (r *checkReport) add(f golden.Finding) {
	rule := ruleReport{Rule: f.Rule, Result: ruleOK, Seconds: f.Took.Seconds()}
	switch {
	case f.Skipped:
		rule.Result = ruleSkipped
	case f.Refusal != nil:
		rule.Result, rule.Code, rule.Reason = ruleRefused, f.Refusal.Code, f.Refusal.Reason
	}
	r.Rules = append(r.Rules, rule)
	r.OK = r.refusal() == nil
}

// refusal is the rule that the model breaks, or nil.
func (r *checkReport) refusal() error {
	for _, rule := range r.Rules {
		if rule.Result == ruleRefused {
			return &model.Error{Code: rule.Code, Reason: harmless(rule.Reason)}
		}
	}
	return nil
}

// harmless is text of a model's, with nothing in it that would act on a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}

func (r *checkReport) print(out io.Writer) error {
	if r.Name != "" {
		fmt.Fprintf(out, "%s %s, digest %s\n\n", harmless(r.Name), harmless(r.Version), r.Digest)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tRESULT\tTIME")
	for _, rule := range r.Rules {
		took := time.Duration(rule.Seconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(table, "%s\t%s\t%v\n", rule.Rule, rule.Result, took)
	}
	return table.Flush()
}
