package gateway

import (
	"regexp"
	"strings"

	"foxhunt/messages"
)

// A refusal begins with the field it is about, by the name it has in a capture (rx[1].rate): in a request that field has
// another, longer name.
var place = regexp.MustCompile(`rx\[(\d+)\](?:\.(\w+))?|^(id|event|session|freq|cache|rx|v) `)

// jsonName is a request's name for a field of a capture.
func jsonName(field string) string {
	switch field {
	case "rx":
		return "receivers"
	case "id":
		return "capture_id"
	case "session":
		return "session_id"
	case "freq":
		return "center_frequency"
	case "cache":
		return "cache_enabled"
	case "lat":
		return "latitude"
	case "lon":
		return "longitude"
	case "alt":
		return "altitude"
	case "t0":
		return "start_time"
	case "sigma":
		return "clock_sigma"
	case "rate":
		return "sample_rate"
	case "fmt":
		return "format"
	}
	return field
}

// translate gives a refusal's sentence in a request's words, and the path of the first field that it names, innermost first.
func translate(reason string) (sentence string, path []string) {
	sentence = place.ReplaceAllStringFunc(reason, func(found string) string {
		m := place.FindStringSubmatch(found)
		steps := []string{"receivers", m[1]}
		name := "receivers[" + m[1] + "]"
		switch {
		case m[3] != "":
			steps, name = []string{jsonName(m[3])}, jsonName(m[3])+" "
		case m[2] != "":
			steps, name = append(steps, jsonName(m[2])), name+"."+jsonName(m[2])
		}
		if path == nil {
			for i := len(steps) - 1; i >= 0; i-- {
				path = append(path, steps[i])
			}
		}
		return name
	})
	return sentence, path
}

// unwrap rewrites the path of a fault in a request whose one receiver is the request itself.
func (f *fault) unwrap() {
	if n := len(f.path); n >= 2 && f.path[n-1] == "receivers" {
		f.path = f.path[:n-2]
		f.reason = strings.ReplaceAll(f.reason, "receivers[0].", "")
	}
}

// MaxBodyBytes bounds a request: a capture of MaxCaptureBytes of cf32_le takes some 25 MB as numbers.
const MaxBodyBytes = 4 * messages.MaxCaptureBytes
