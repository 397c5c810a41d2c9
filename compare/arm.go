package compare

import (
	"cmp"
	"maps"
	"slices"

	"foxhunt/messages"
)

// What a stranger may invent is counted by name so often, and together beyond.
const (
	mostVersions = 8
	mostCodes    = 32
	otherCodes   = "others"
)

// Version is a model that answered for an arm.
type Version struct {
	messages.Model
	Fixes int `json:"fixes"`
}

// counts are of all fixes of a version, sampled or not.
type counts struct {
	fixes, cached int
	failures      map[string]int // by code: challengers that failed, for which the champion answered
}

// version is what one model answered for an arm.
type version struct {
	model messages.Model
	counts
	sample *sample
}

func newVersion(model messages.Model, most int) *version {
	return &version{model: model, counts: counts{failures: map[string]int{}}, sample: newSample(most)}
}

func (v *version) add(fix *messages.Fix) {
	v.fixes++
	if fix.CacheHit {
		v.cached++
	}
	if f := fix.Fallback; f != nil {
		v.fail(f.Code, 1)
	}
	v.sample.add(observe(fix))
}

func (v *version) fail(code string, n int) {
	if _, known := v.failures[code]; !known && len(v.failures) >= mostCodes {
		code = otherCodes
	}
	v.failures[code] += n
}

// join adds what another version counted and kept.
func (v *version) join(w *version) {
	v.fixes += w.fixes
	v.cached += w.cached
	for code, n := range w.failures {
		v.fail(code, n)
	}
	v.sample.again += w.sample.again
	for _, o := range w.sample.kept {
		v.sample.add(o)
	}
}

// arm is what all models of an arm answered.
type arm struct {
	most     int
	versions map[string]*version // by digest; "" for captures that found no challenger loaded
	surplus  int                 // fixes by more versions than are told apart
}

func newArm(most int) *arm { return &arm{most: most, versions: map[string]*version{}} }

// add counts a fix for the model that it was given to, whether that made it or failed.
func (a *arm) add(fix *messages.Fix) {
	model := fix.Model
	if fix.Fallback != nil {
		model = fix.Fallback.Model
	}
	v := a.versions[model.Digest]
	if v == nil {
		if len(a.versions) > mostVersions && model.Digest != "" {
			a.surplus++
			return
		}
		v = newVersion(model, a.most)
		a.versions[model.Digest] = v
	}
	v.add(fix)
}

// chosen is the version of this digest, or if that is "" the one with the most fixes, and the others. Captures that found no
// challenger loaded are failures of whichever version it is.
func (a *arm) chosen(digest string) (chosen *version, others []Version) {
	named := slices.SortedFunc(maps.Values(a.versions), func(v, w *version) int {
		return cmp.Or(cmp.Compare(w.fixes, v.fixes), cmp.Compare(v.model.Digest, w.model.Digest))
	})
	chosen = newVersion(messages.Model{Digest: digest}, a.most)
	for _, v := range named {
		if v.model.Digest != "" && (digest == "" || v.model.Digest == digest) {
			chosen.model = v.model
			break
		}
	}
	for _, v := range named {
		switch v.model.Digest {
		case "", chosen.model.Digest:
			chosen.join(v)
		default:
			others = append(others, Version{v.model, v.fixes})
		}
	}
	if a.surplus > 0 {
		others = append(others, Version{messages.Model{Name: otherCodes}, a.surplus})
	}
	return chosen, others
}
