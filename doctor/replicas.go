package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// checkReplicas judges each stream: as many copies as asked for and as the cluster is there for, and all of them current.
func checkReplicas(f *Facts) (all []Finding) {
	const code = "replicas"
	if !f.Inventory.seen() {
		return nil
	}
	var copies []string
	for _, s := range f.Inventory.Value.Streams {
		if s.Info == nil {
			continue
		}
		copies = append(copies, fmt.Sprintf("%s %d", s.Name, s.Info.Config.Replicas))
		switch have := s.Info.Config.Replicas; {
		case have < s.Want.Replicas:
			all = append(all, finding(code, Warning, "%s has %d replicas, not %d", s.Name, have, s.Want.Replicas))
		case have == 1 && inCluster(f, s.Info):
			all = append(all, finding(code, Warning, "%s has one replica, although the server is one of a cluster", s.Name))
		case have%2 == 0:
			all = append(all, finding(code, Warning, "%s has %d replicas: an even number survives no more losses than one less", s.Name, have))
		}
		all = append(all, judgePeers(f, s)...)
	}
	if len(all) == 0 && len(copies) > 0 {
		return []Finding{finding(code, OK, "replicas: %s", strings.Join(copies, ", "))}
	}
	return all
}

func inCluster(f *Facts, info *js.StreamInfo) bool {
	return info.Cluster != nil && info.Cluster.Name != "" || f.Hello.seen() && f.Hello.Value.Cluster != ""
}

// judgePeers judges the copies of a stream with several: a leader, and everybody there and up to date.
func judgePeers(f *Facts, s jetstream.StreamState) (all []Finding) {
	const code = "replicas"
	cluster := s.Info.Cluster
	if cluster == nil || s.Info.Config.Replicas < 2 {
		return nil
	}
	if cluster.Leader == "" {
		return []Finding{finding(code, Error, "%s has no leader: it takes and gives nothing", s.Name).mend("start the servers that hold it: nats stream cluster info %s", s.Name)}
	}
	var gone, behind, catching []string
	for _, peer := range cluster.Replicas {
		switch stays, seen := staysBehind(f, s.Name, peer.Name); {
		case peer.Offline:
			gone = append(gone, peer.Name+" is offline")
		case peer.Active > muteness:
			gone = append(gone, fmt.Sprintf("%s does not answer since %v", peer.Name, peer.Active.Round(time.Second)))
		case stays:
			behind = append(behind, seen)
		case seen != "":
			catching = append(catching, seen)
		}
	}
	if len(gone) > 0 {
		severity := Warning
		if 2*len(gone) >= s.Info.Config.Replicas { // no majority is left
			severity = Error
		}
		all = append(all, finding(code, severity, "%s: %s", s.Name, strings.Join(gone, ", ")).
			mend("start that server; if it is gone for good: nats server cluster peer-remove NAME"))
	}
	if len(behind) > 0 {
		all = append(all, finding(code, Warning, "%s: %s", s.Name, strings.Join(behind, ", ")).
			mend("see that server's log, disk and network; restart it if nothing moves"))
	}
	if len(catching) > 0 {
		all = append(all, finding(code, Info, "%s: %s", s.Name, strings.Join(catching, ", ")).mend("look again in a minute: foxhunt doctor"))
	}
	return all
}

// muteness is how long a server that holds a copy may have said nothing; it says something every second.
const muteness = 5 * time.Second

// farBehind is how many operations behind are more than what is on its way in a cluster at work.
const farBehind = 1000

// staysBehind follows one copy over all looks. In a cluster at work a copy is always a few operations behind; it stays behind
// if it never comes nearer, and either gets nothing of what is stored meanwhile or falls back ever further. What is said of a
// copy that does not stay behind is empty, but for one that has far to go.
func staysBehind(f *Facts, stream, peer string) (stays bool, seen string) {
	var lags, stored []uint64
	for _, look := range f.Looks {
		for _, s := range look.Streams {
			if s.Name != stream || s.Info == nil || s.Info.Cluster == nil {
				continue
			}
			for _, p := range s.Info.Cluster.Replicas {
				if p.Name == peer && !p.Current {
					lags, stored = append(lags, p.Lag), append(stored, s.Info.State.LastSeq)
				}
			}
		}
	}
	if len(lags) == 0 || len(lags) < len(f.Looks) { // it was up to date in one of them
		return false, ""
	}
	first, last := lags[0], lags[len(lags)-1]
	nearer := !slices.IsSorted(lags)
	if grown := last - min(first, last); len(lags) > 1 && !nearer && (grown >= stored[len(stored)-1]-stored[0] || grown >= leastGrowth) {
		return true, fmt.Sprintf("%s was %d operations behind, and is %d now", peer, first, last)
	}
	if last >= farBehind {
		return false, fmt.Sprintf("%s is %d operations behind", peer, last)
	}
	return false, ""
}
