package evaluate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report as text for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "model %s %s, seed %d, %d scenes a case\n\n", r.Model, r.Version, r.Seed, r.Scenes)
	fmt.Fprintln(t, "case\tfixes\trefused\t95 % hold\t68 % hold\td2 > 25\terror/bound median\tp90\tnamed\twrongly\tsemi-major/a\tmedian error\tmedian area")
	for _, c := range r.Cases {
		fmt.Fprintf(t, "%s\t%d\t%d (%.1f %%)\t%s\t%s\t%s\t%.2f\t%.2f\t%s\t%s\t%.2f (least %.2f)\t%.2f km\t%.3g km2\n",
			c.Title, c.Fixes, r.Scenes-c.Fixes, 100*float64(r.Scenes-c.Fixes)/float64(r.Scenes), c.Inside95, c.Inside68, c.Far, c.OverBound.Median, c.OverBound.P90, c.Named, c.Misnamed,
			c.SemiMajor.Median, c.SemiMajor.Least, c.MedianError/1e3, c.MedianArea/1e6)
	}
	fmt.Fprintln(t, "\nThe bound is Cramér and Rao's, that of an unbiased estimator. A model that expects emitters near their receivers is not")
	fmt.Fprintln(t, "unbiased: where the arrival times say little its errors may lie below the bound.")
	fmt.Fprintln(t)
	for _, c := range r.Cases {
		for _, code := range slices.Sorted(maps.Keys(c.Refused)) {
			fmt.Fprintf(t, "%s\trefused: %s\t%d\n", c.Title, code, c.Refused[code])
		}
	}
	fmt.Fprintln(t)
	for _, c := range r.Cases {
		for _, k := range c.Checks {
			fmt.Fprintf(t, "%s\t%s\t%.3f\twant %s\t%s\n", c.Title, k.Figure, k.Got, k.want(), verdict(k.Pass))
		}
	}
	return t.Flush()
}

// String is the share and its interval in per cent, or a dash for a share of nothing.
func (s Share) String() string {
	if s.Low == 0 && s.High == 1 {
		return "-"
	}
	return fmt.Sprintf("%.1f %% (%.1f..%.1f)", 100*s.Share, 100*s.Low, 100*s.High)
}

// want says the bounds that say something: errors have no least, shares no most of one.
func (k Check) want() string {
	var bounds []string
	if k.Least > 0 {
		bounds = append(bounds, fmt.Sprintf("at least %g", k.Least))
	}
	if k.Most != 1 {
		bounds = append(bounds, fmt.Sprintf("at most %g", k.Most))
	}
	return strings.Join(bounds, ", ")
}

func verdict(pass bool) string {
	if pass {
		return "reached"
	}
	return "MISSED"
}
