package golden_test

import (
	"testing"

	"foxhunt/model/golden"
	"foxhunt/model/modeltest"
)

func TestEveryFlawIsNamed(t *testing.T) {
	for flaw, code := range map[modeltest.Flaw]string{
		modeltest.NaN:         golden.NotFinite,
		modeltest.FarAway:     golden.NotOnEarth,
		modeltest.Indefinite:  golden.BadCovariance,
		modeltest.Immense:     golden.BadCovariance,
		modeltest.Unsure:      golden.BadConfidence,
		modeltest.Mixing:      golden.BatchMixed,
		modeltest.Random:      golden.NotRepeatable,
		modeltest.Failing:     golden.WarmupFailed,
		modeltest.OneAtATime:  golden.WarmupFailed,
		modeltest.FailsInHard: "run_failed",
		modeltest.OtherShape:  golden.WarmupFailed,
	} {
		t.Run(string(flaw), func(t *testing.T) {
			wantCode(t, golden.Check(t.Context(), load(t, modeltest.Small(t, "flawed", flaw))), code)
		})
	}
}

func TestASoundModelIsTaken(t *testing.T) {
	if err := golden.Check(t.Context(), load(t, modeltest.Small(t, "sound", modeltest.Sound))); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLookedAtAfterARefusal(t *testing.T) {
	findings := golden.Examine(t.Context(), load(t, modeltest.Small(t, "mixing", modeltest.Mixing)))
	refused := false
	for _, f := range findings {
		if f.Skipped != refused {
			t.Errorf("%s: skipped %v", f.Rule, f.Skipped)
		}
		refused = refused || f.Refusal != nil
	}
	if !refused || findings[len(findings)-1].Refusal != nil {
		t.Errorf("findings %+v; want one refusal before the last", findings)
	}
}
