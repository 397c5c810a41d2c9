package loadtest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed report.html
var page string

// WriteHTML writes the report as one page that needs nothing else, with plots.
func (r *Report) WriteHTML(out io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"percent": func(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) },
		"ms":      func(x float64) string { return fmt.Sprintf("%.1f", x) },
		"count":   orUnknown,
	}).Parse(page)
	if err != nil {
		return err
	}
	content := map[string]any{"R": r}
	if r.Findings != nil {
		content["Curves"], content["Timeline"] = r.curves(), r.timeline()
	}
	return t.Execute(out, content)
}

// Size of a plot in its own units; its frame leaves room for the axes' numbers.
const (
	plotWidth, plotHeight = 640.0, 260.0
	plotLeft, plotTop     = 60.0, 10.0
	frameWidth            = plotWidth - plotLeft - 10
	frameHeight           = plotHeight - plotTop - 30
)

// plot is a picture of lines over a common scale.
type plot struct {
	Width, Height float64
	Lines         []line
	Marks         []mark
}

type line struct{ Name, Class, Points string }

// mark is a number at an axis.
type mark struct {
	X, Y float64
	Text string
	Side string // "x" or "y"
}

// curves is the latency by percentile, on a logarithmic scale.
func (f *Findings) curves() *plot {
	series := []struct {
		name, class string
		l           Latency
	}{{"all", "all", f.All}, {"cache hits", "hit", f.Hit}, {"cache misses", "miss", f.Missed}}
	low, high := math.Inf(1), 0.0
	for _, s := range series {
		if s.l.Count > 0 {
			low, high = min(low, max(s.l.Curve[0], 0.1)), max(high, s.l.Curve[100])
		}
	}
	if high == 0 {
		return nil
	}
	low, high = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high)+1e-9)
	p := &plot{Width: plotWidth, Height: plotHeight}
	for decade := low; decade <= high; decade++ {
		p.Marks = append(p.Marks, mark{plotLeft, height(decade, low, high), fmt.Sprintf("%g ms", math.Pow(10, decade)), "y"})
	}
	for _, percentile := range []float64{0, 25, 50, 75, 95, 100} {
		p.Marks = append(p.Marks, mark{plotLeft + frameWidth*percentile/100, plotHeight - 10, fmt.Sprintf("%g %%", percentile), "x"})
	}
	for _, s := range series {
		var points strings.Builder
		for i, v := range s.l.Curve {
			fmt.Fprintf(&points, "%.1f,%.1f ", plotLeft+frameWidth*float64(i)/100, height(math.Log10(max(v, math.Pow(10, low))), low, high))
		}
		if s.l.Count > 0 {
			p.Lines = append(p.Lines, line{s.name, s.class, points.String()})
		}
	}
	return p
}

// timeline is the answers of each second.
func (f *Findings) timeline() *plot {
	most := 0
	for _, s := range f.Timeline {
		most = max(most, s.Answered, s.Failed)
	}
	if most == 0 || len(f.Timeline) < 2 {
		return nil
	}
	p := &plot{Width: plotWidth, Height: plotHeight}
	last := float64(len(f.Timeline) - 1)
	for _, part := range []float64{0, 0.5, 1} {
		p.Marks = append(p.Marks,
			mark{plotLeft, height(part, 0, 1), fmt.Sprintf("%.0f/s", part*float64(most)), "y"},
			mark{plotLeft + frameWidth*part, plotHeight - 10, fmt.Sprintf("%.0f s", part*last), "x"})
	}
	var answered, failed strings.Builder
	for i, s := range f.Timeline {
		x := plotLeft + frameWidth*float64(i)/last
		fmt.Fprintf(&answered, "%.1f,%.1f ", x, height(float64(s.Answered), 0, float64(most)))
		fmt.Fprintf(&failed, "%.1f,%.1f ", x, height(float64(s.Failed), 0, float64(most)))
	}
	p.Lines = []line{{"fixes a second", "all", answered.String()}, {"failures a second", "miss", failed.String()}}
	return p
}

// height is where a value lies in the frame.
func height(v, low, high float64) float64 {
	return plotTop + frameHeight*(1-(v-low)/max(high-low, 1e-9))
}
