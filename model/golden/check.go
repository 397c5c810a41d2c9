package golden

import (
	"context"
	"errors"
	"fmt"
	"time"

	"foxhunt/model"
)

// The codes of a refusal.
const (
	WarmupFailed   = "warmup_failed"         // a run fails
	Unfit          = "golden_unfit"          // none of the captures fits the contract's parameters
	NotFinite      = "golden_not_finite"     // an output is infinite or NaN
	NotOnEarth     = "golden_not_on_earth"   // a position is no place on the Earth
	BadCovariance  = "golden_covariance"     // a covariance is not positive definite, or draws no ellipse on the Earth
	BadConfidence  = "golden_confidence"     // a confidence is outside 0 to 1
	NotRepeatable  = "golden_not_repeatable" // the same capture gives different answers
	BatchMixed     = "golden_batch_mixed"    // a capture's answer depends on the others of its batch
	BadVectors     = "bad_golden"            // the metadata's golden vectors cannot be read
	NotReproduced  = "golden_not_reproduced" // the metadata's golden vectors are not reproduced
	ModelTooSlow   = "model_too_slow"        // the check's time ended before the model had answered
	CheckCancelled = "check_cancelled"       // whoever asked for the check gave it up
)

// Finding is what came of one rule.
type Finding struct {
	Rule    string       // in a few words
	Refusal *model.Error // nil: the model keeps the rule
	Skipped bool         // not looked at, because of the refusal before it
	Took    time.Duration
}

// Check gives the first rule that the model breaks, as a [*model.Error], or nil. Its time is bounded by ctx, but for a
// run that hangs.
func Check(ctx context.Context, m *model.Model) error {
	for _, finding := range Examine(ctx, m) {
		if finding.Refusal != nil {
			return finding.Refusal
		}
	}
	return nil
}

// WarmUp runs a model as it will be run, on one capture and on a full batch of networks of usual size, so that the first
// capture it serves does not wait for what is done once. The runs have a low priority. What leads to them is Go's own work, and
// must not have one: a thread that holds one of Go's processors and is not run would keep that from all others.
func WarmUp(ctx context.Context, m *model.Model) error {
	e, err := newExaminer(ctx, m, fewest(m.Contract().Receivers))
	if err != nil {
		return refusal(err)
	}
	defer e.close()
	model.Aside(func() { err = e.warmUp() })
	if err != nil {
		return refusal(err)
	}
	return nil
}

// rule is one thing that a model owes.
type rule struct {
	name string
	keep func(*examiner) error
}

func rules() []rule {
	return []rule{
		{"runs on one capture and on a full batch", (*examiner).warmUp},
		{"finite positions on the Earth, covariances positive definite", (*examiner).answers},
		{"the same capture again gives the same answer", (*examiner).repeats},
		{"a capture's answer does not depend on its batch", (*examiner).stands},
		{"noise and silence do no harm", (*examiner).survives},
		{"its own golden vectors are reproduced", (*examiner).reproduces},
	}
}

// Examine looks at every rule, and after the first refusal at none that follows.
func Examine(ctx context.Context, m *model.Model) []Finding {
	e, err := newExaminer(ctx, m, sizes(m.Contract().Receivers))
	if err == nil {
		defer e.close()
	}
	var findings []Finding
	for _, r := range rules() {
		finding := Finding{Rule: r.name}
		if len(findings) > 0 {
			before := findings[len(findings)-1]
			finding.Skipped = before.Refusal != nil || before.Skipped
		}
		if !finding.Skipped {
			began := time.Now()
			if err == nil {
				err = r.keep(e)
			}
			finding.Refusal, finding.Took = refusal(err), time.Since(began)
		}
		findings = append(findings, finding)
	}
	return findings
}

// refusal gives any error the form of a refusal.
func refusal(err error) *model.Error {
	var refused *model.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(ModelTooSlow, "the check's time ended; the model is slow, or this machine is busy")
	case errors.Is(err, context.Canceled):
		return refuse(CheckCancelled, "the check was given up")
	}
	return refuse(Unfit, "%v", err)
}

func refuse(code, format string, args ...any) *model.Error {
	return &model.Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
