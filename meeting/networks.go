package meeting

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"foxhunt/messages"
)

// Networks are the rules of all networks.
type Networks struct {
	Default Rules
	ByName  map[string]Rules // of those that have their own
}

// For gives a network's rules.
func (n *Networks) For(network string) Rules {
	if rules, ok := n.ByName[network]; ok {
		return rules
	}
	return n.Default
}

// Validate says the first rule that makes no sense.
func (n *Networks) Validate() error {
	if err := n.Default.Validate(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.ByName)) {
		rules := n.ByName[name]
		if err := messages.ValidateToken("network", name); err != nil {
			return err
		}
		if err := rules.Validate(); err != nil {
			return fmt.Errorf("network %s: %w", name, err)
		}
	}
	return nil
}

// networkEntry is one network in a file. What is absent is the default's.
type networkEntry struct {
	Slot         *string  `yaml:"slot"`
	Guard        *string  `yaml:"guard"`
	Window       *string  `yaml:"window"`
	MinReceivers *int     `yaml:"min_receivers"`
	Stations     []string `yaml:"stations"`
}

// maxNetworksBytes bounds a file of networks.
const maxNetworksBytes = 1 << 20

// ParseNetworks reads a YAML map from networks to slot, guard, window, min_receivers and stations, each optional. Unknown
// keys are errors. name is the file's, for messages.
func ParseNetworks(text []byte, name string, defaults Rules) (Networks, error) {
	n := Networks{Default: defaults, ByName: map[string]Rules{}}
	if len(text) > maxNetworksBytes {
		return n, fmt.Errorf("%s has %d bytes; want at most %d", name, len(text), maxNetworksBytes)
	}
	entries, err := parseNetworks(text)
	if err != nil {
		return n, fmt.Errorf("%s: %s", name, firstLine(err))
	}
	for _, network := range slices.Sorted(maps.Keys(entries)) {
		entry := entries[network]
		rules, err := entry.rules(defaults)
		if err != nil {
			return n, fmt.Errorf("%s: network %.80q: %w", name, network, err)
		}
		n.ByName[network] = rules
	}
	if err := n.Validate(); err != nil {
		return n, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// parseNetworks turns a panic into an error: the library has them for a few malformed texts.
func parseNetworks(text []byte) (entries map[string]networkEntry, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this is not YAML as expected; want a map from networks to slot, guard, window, min_receivers, stations")
		}
	}()
	err = yaml.UnmarshalWithOptions(text, &entries, yaml.Strict())
	return entries, err
}

// rules are the entry's over the defaults.
func (e *networkEntry) rules(defaults Rules) (Rules, error) {
	r := defaults
	for _, d := range []struct {
		name string
		text *string
		to   *time.Duration
	}{{"slot", e.Slot, &r.Slot}, {"guard", e.Guard, &r.Guard}, {"window", e.Window, &r.Window}} {
		if d.text == nil {
			continue
		}
		value, err := time.ParseDuration(*d.text)
		if err != nil {
			return r, fmt.Errorf("%s is %.40q; want a duration such as 5s or 500ms", d.name, *d.text)
		}
		*d.to = value
	}
	if e.MinReceivers != nil {
		r.MinReceivers = *e.MinReceivers
	}
	r.Stations = e.Stations
	return r, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
