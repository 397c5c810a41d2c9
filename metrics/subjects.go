package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// otherSubjects is the label under which the subjects beyond the limit are summed up.
const otherSubjects = "other"

// longestSubject is the longest that gets a label of its own, in bytes: anybody who may publish chooses subjects, and a
// capture's that is longer is refused.
const longestSubject = 256

// labelled returns subjects by what may be a label: one that may not is counted with the others.
func labelled(subjects map[string]SubjectLag) map[string]SubjectLag {
	named := make(map[string]SubjectLag, len(subjects))
	for subject, s := range subjects {
		label := strings.ToValidUTF8(subject, "\uFFFD")
		if len(label) > longestSubject {
			label = otherSubjects
		}
		if sum, twice := named[label]; twice {
			s = SubjectLag{Captures: s.Captures + sum.Captures, Companions: s.Companions + sum.Companions, DeadLetters: s.DeadLetters + sum.DeadLetters}
		}
		named[label] = s
	}
	return named
}

// names is which subjects are shown by name.
type names struct {
	limit int
	known map[string]struct{}
}

// admit gives new subjects a name, those furthest behind first. When all names are taken, a subject that has drained gives
// up its own: sources come and go, and those that are gone must not hide those that are there.
func (n *names) admit(subjects map[string]SubjectLag) {
	if n.known == nil {
		n.known = make(map[string]struct{})
	}
	var strangers []string
	for subject := range subjects {
		if _, known := n.known[subject]; !known && subject != otherSubjects {
			strangers = append(strangers, subject)
		}
	}
	slices.SortFunc(strangers, func(a, b string) int {
		return cmp.Or(cmp.Compare(subjects[b].Captures, subjects[a].Captures), cmp.Compare(a, b))
	})
	for _, subject := range strangers {
		if len(n.known) >= n.limit && (subjects[subject].Captures == 0 || !n.forgetDrained(subjects)) {
			return
		}
		n.known[subject] = struct{}{}
	}
}

// forgetDrained makes room for one subject, if any has drained.
func (n *names) forgetDrained(subjects map[string]SubjectLag) bool {
	for subject := range n.known {
		if subjects[subject].Captures == 0 {
			delete(n.known, subject)
			return true
		}
	}
	return false
}

// subjectDescs are the metrics with a subject for a label.
type subjectDescs struct{ lag, companions, inFlight, age, letters *prometheus.Desc }

func newSubjectDescs() subjectDescs {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"subject"}, nil)
	}
	return subjectDescs{
		lag:        desc("foxhunt_subject_lag_captures", "Captures in the stream without a fix, by subject; drained subjects are 0."),
		companions: desc("foxhunt_subject_waiting_for_companions_captures", "Captures that wait for those of other stations, and for no worker, by subject; part of the lag."),
		inFlight:   desc("foxhunt_subject_in_flight_captures", "Captures handed to workers and not yet settled, for the subjects furthest behind."),
		age:        desc("foxhunt_subject_oldest_age_seconds", "Age of the oldest capture without a fix, for the subjects furthest behind."),
		letters:    desc("foxhunt_subject_dead_letters", "Dead letters kept, by the subject of their captures."),
	}
}

func (d subjectDescs) collect(subjects map[string]SubjectLag, n names, meet bool, emit func(d *prometheus.Desc, v float64, labels ...string)) {
	for subject := range n.known {
		s := subjects[subject]
		emit(d.lag, s.Captures, subject)
		emit(d.letters, s.DeadLetters, subject)
		if meet {
			emit(d.companions, s.Companions, subject)
		}
		if s.InFlight != nil {
			emit(d.inFlight, *s.InFlight, subject)
		}
		if s.OldestAge != nil {
			emit(d.age, *s.OldestAge, subject)
		}
	}
	var other SubjectLag
	strange := false
	for subject, s := range subjects {
		if _, known := n.known[subject]; !known {
			strange = true
			other.Captures += s.Captures
			other.Companions += s.Companions
			other.DeadLetters += s.DeadLetters
		}
	}
	if strange || len(n.known) >= n.limit {
		emit(d.lag, other.Captures, otherSubjects)
		emit(d.letters, other.DeadLetters, otherSubjects)
		if meet {
			emit(d.companions, other.Companions, otherSubjects)
		}
	}
}
