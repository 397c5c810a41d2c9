package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestArmsAreBounded serves more models than are remembered: the series of those that served last stay, with their counts.
func TestArmsAreBounded(t *testing.T) {
	registry := NewRegistry()
	w := NewWorker(registry)
	for i := range 3 * mostArms {
		version := fmt.Sprint(i)
		w.ArmServes("net", version, "challenger")
		w.ArmFixed("net", version, "challenger", time.Millisecond)
		w.ArmFailed("net", version, "challenger", "bad_output")
		w.ArmInferred("net", version, "challenger")
		w.ArmServes("grid", "1", "champion") // still
		w.ArmInferred("grid", "1", "champion")
	}
	for _, name := range []string{"foxhunt_arm_fixes_total", "foxhunt_arm_errors_total", "foxhunt_arm_inferences_total", "foxhunt_arm_duration_seconds"} {
		want := mostArms
		if name == "foxhunt_arm_errors_total" {
			want-- // the champion has none
		}
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n != want {
			t.Errorf("%s has %d series (%v), want %d", name, n, err, want)
		}
	}
	want := fmt.Sprintf(`# HELP foxhunt_arm_inferences_total Captures that went through a model and were located.
# TYPE foxhunt_arm_inferences_total counter
foxhunt_arm_inferences_total{arm="champion",model="grid",version="1"} %d
`, 3*mostArms)
	for i := 2*mostArms + 1; i < 3*mostArms; i++ {
		want += fmt.Sprintf("foxhunt_arm_inferences_total{arm=\"challenger\",model=\"net\",version=\"%d\"} 1\n", i)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "foxhunt_arm_inferences_total"); err != nil {
		t.Error(err)
	}
}

// TestArmBeginsWithZero: rates need a first value.
func TestArmBeginsWithZero(t *testing.T) {
	registry := NewRegistry()
	NewWorker(registry).ArmServes("grid", "1", "shadow")
	want := `# HELP foxhunt_arm_fixes_total Fixes published and confirmed, by model and arm; a shadow's among them.
# TYPE foxhunt_arm_fixes_total counter
foxhunt_arm_fixes_total{arm="shadow",model="grid",version="1"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "foxhunt_arm_fixes_total"); err != nil {
		t.Error(err)
	}
}
