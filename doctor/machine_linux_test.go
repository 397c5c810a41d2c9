package doctor

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// tree writes files into a folder of the test's.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestOthersLimits(t *testing.T) {
	limits := func(n string) string {
		return "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            " + n + "                 524288               files     \n"
	}
	root := tree(t, map[string]string{
		"12/comm": "nats-server\n", "12/limits": limits("1024"),
		"13/comm": "redis-server\n", "13/limits": limits("unlimited"),
		"14/comm": "bash\n", "14/limits": limits("9"),
		"15/comm": "foxhunt\n", "15/limits": limits("8"), // this process
		"16/comm": "foxhunt\n", "16/limits": "nothing of the kind",
		"17/comm":   "foxhunt\n", // ended meanwhile
		"self/comm": "foxhunt\n", "self/limits": limits("7"),
	})
	want := []FileLimit{{"nats-server (process 12)", 1024}, {"redis-server (process 13)", 1 << 63}}
	if got := othersLimits(os.DirFS(root), 15); !reflect.DeepEqual(got, want) {
		t.Errorf("have %v, want %v", got, want)
	}
}

func TestQuota(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"none":     {nil, 0},
		"v2":       {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5},
		"v2 max":   {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 0},
		"v2 above": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "200000 100000\n"}, 0.5},
		"v1": {map[string]string{"proc/self/cgroup": "5:memory:/\n4:cpu,cpuacct:/x\n", "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "400000\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n"}, 4},
		"v1 none":  {map[string]string{"proc/self/cgroup": "4:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 0},
		"nonsense": {map[string]string{"proc/self/cgroup": "x\n0::/../..\n", "sys/fs/cgroup/cpu.max": "1 2 3\n"}, 0},
	} {
		if got := quotaOf(os.DirFS(tree(t, c.files))); got != c.want {
			t.Errorf("%s: %g, want %g", name, got, c.want)
		}
	}
}

func TestClockOf(t *testing.T) {
	for _, c := range []struct {
		state, status int
		want          bool
	}{{0, 1, true}, {5, 1, false}, {0, statUnsync, false}, {1, 0x2001, true}} {
		if got := clockOf(c.state, c.status, 1500); got.Synchronised != c.want || got.MaxError != 1500*time.Microsecond {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
