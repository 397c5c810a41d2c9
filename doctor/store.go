package doctor

import (
	"errors"
	"fmt"
)

// Shares of a limit from which on it is a warning, and an error.
const (
	nearLimit = 0.80
	atLimit   = 0.95
)

// fullness judges a share of a limit.
func fullness(share float64) Severity {
	switch {
	case share >= atLimit:
		return Error
	case share >= nearLimit:
		return Warning
	}
	return OK
}

// checkStore judges the storage of each server that shows it, and the account's share of it where it has one.
func checkStore(f *Facts) (all []Finding) {
	const code = "nats_store"
	if f.Account.seen() && f.Account.Value.Limits.MaxStore > 0 {
		used, most := f.Account.Value.Store, uint64(f.Account.Value.Limits.MaxStore)
		all = append(all, finding(code, fullness(share(used, most)), "this account uses %s of its %s", size(used), size(most)))
	}
	if f.Varz.seen() {
		for _, varz := range f.Varz.Value {
			all = append(all, judgeStore(varz)...)
		}
	}
	if len(all) == 0 {
		err := f.Varz.Err
		if err == nil {
			err = errors.New("the server states no limit")
		}
		return []Finding{unknown(code, err, "give --nats-monitor http://127.0.0.1:8222 (nats-server.conf: http: 127.0.0.1:8222)")}
	}
	return all
}

func judgeStore(varz Varz) []Finding {
	const code = "nats_store"
	config, stats := varz.JetStream.Config, varz.JetStream.Stats
	if config == nil || config.MaxStore <= 0 {
		return nil
	}
	most := uint64(config.MaxStore)
	severity := fullness(share(stats.Store, most))
	seen := fmt.Sprintf("server %s uses %s of %s, and has set %s aside for its streams", varz.Name, size(stats.Store), size(most), size(stats.Reserved))
	if severity == OK && stats.Reserved > most {
		severity = Warning
	}
	return []Finding{finding(code, severity, "%s", seen)}
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// size writes bytes for people.
func size(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	x, unit := float64(n), 0
	for x >= 1024 && unit < len(units)-1 {
		x, unit = x/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.3g %s", x, units[unit])
}
