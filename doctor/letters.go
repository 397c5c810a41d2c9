package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

func checkLetters(f *Facts) []Finding {
	const code = "dead_letters"
	if !f.Letters.seen() {
		return []Finding{unknown(code, f.Letters.Err, "allow this user to read the stream %s: foxhunt dead ls needs the same", f.Topology.Dead.Name)}
	}
	l := f.Letters.Value
	if l.Day == 0 {
		return []Finding{finding(code, OK, "no dead letter in the last day")}
	}
	severity := Info
	if l.Hour > 0 {
		severity = Warning
	}
	more := ""
	if l.Capped {
		more = "at least "
	}
	return []Finding{finding(code, severity, "%s%d dead letters in the last hour, %s%d in the last day: %s", more, l.Hour, more, l.Day, l.reasons())}
}

// reasons lists the reasons, the most frequent first.
func (l Letters) reasons() string {
	codes := slices.Collect(maps.Keys(l.Reasons))
	slices.SortFunc(codes, func(a, b string) int { return cmp.Or(cmp.Compare(l.Reasons[b], l.Reasons[a]), cmp.Compare(a, b)) })
	for i, code := range codes {
		codes[i] = fmt.Sprintf("%s %d", code, l.Reasons[code])
	}
	return some(codes)
}
