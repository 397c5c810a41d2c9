package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is major, minor and patch.
type version [3]int

// parseVersion reads 2.14.0, v2.14.0 and 2.14.0-RC.1, which counts as 2.14.0.
func parseVersion(s string) (v version, ok bool) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "-")
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 1e6 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

func (v version) before(o version) bool { return slices.Compare(v[:], o[:]) < 0 }

// oldestServer is the least that foxhunt works with: acknowledgements with a reason came with 2.10.4, writing before each
// PubAck with 2.10, direct gets and limits for each subject before that.
var oldestServer = version{2, 10, 4}

// checkVersion judges each server that said its version.
func checkVersion(f *Facts) (all []Finding) {
	for name, text := range serverVersions(f) {
		all = append(all, judgeVersion(name, text))
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.Seen, b.Seen) })
	return all
}

// serverVersions is the version of each server, by its name.
func serverVersions(f *Facts) map[string]string {
	versions := map[string]string{}
	if f.Hello.seen() {
		versions[f.Hello.Value.Name] = f.Hello.Value.Version
	}
	if f.Varz.seen() {
		for _, varz := range f.Varz.Value {
			versions[varz.Name] = varz.Version
		}
	}
	return versions
}

func judgeVersion(name, text string) Finding {
	const code = "nats_version"
	v, ok := parseVersion(text)
	switch {
	case !ok:
		return unknown(code, fmt.Errorf("server %s says version %q", name, text), "nats-server --version, on its machine")
	case v.before(oldestServer):
		return finding(code, Error, "server %s is %s; foxhunt needs 2.10.4 or later", name, text)
	case !v.before(version{2, 10, 20}) && v.before(version{2, 10, 23}):
		return finding(code, Error, "server %s is %s; 2.10.20 to 2.10.22 could lose whole streams when killed (nats-server issue 6888)", name, text)
	case isVulnerable(v):
		return finding(code, Warning, "server %s is %s, in which users can get past permissions (NATS advisories 2026-16 and 2026-18)", name, text)
	}
	return finding(code, OK, "server %s is %s", name, text)
}

// isVulnerable says whether advisories that concern permissions, on which foxhunt's accounts rest, are open in v.
func isVulnerable(v version) bool {
	switch {
	case v[0] == 2 && v[1] == 11:
		return v[2] < 16
	case v[0] == 2 && v[1] == 12:
		return v[2] < 7
	}
	return v.before(version{2, 14, 0})
}
