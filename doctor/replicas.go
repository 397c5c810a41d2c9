package doctor

import (
	"fmt"
	"strings"

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
		all = append(all, judgePeers(s)...)
	}
	if len(all) == 0 && len(copies) > 0 {
		return []Finding{finding(code, OK, "replicas: %s", strings.Join(copies, ", "))}
	}
	return all
}

func inCluster(f *Facts, info *js.StreamInfo) bool {
	return info.Cluster != nil && info.Cluster.Name != "" || f.Hello.seen() && f.Hello.Value.Cluster != ""
}

// judgePeers judges the copies of a stream with several: a leader, and everybody up to date.
func judgePeers(s jetstream.StreamState) []Finding {
	const code = "replicas"
	cluster := s.Info.Cluster
	if cluster == nil || s.Info.Config.Replicas < 2 {
		return nil
	}
	if cluster.Leader == "" {
		return []Finding{finding(code, Error, "%s has no leader: it takes and gives nothing", s.Name).mend("start the servers that hold it: nats stream cluster info %s", s.Name)}
	}
	var behind []string
	offline := 0
	for _, peer := range cluster.Replicas {
		switch {
		case peer.Offline:
			offline++
			behind = append(behind, peer.Name+" is offline")
		case !peer.Current:
			behind = append(behind, fmt.Sprintf("%s is %d operations behind", peer.Name, peer.Lag))
		}
	}
	if len(behind) == 0 {
		return nil
	}
	severity := Warning
	if 2*offline >= s.Info.Config.Replicas { // no majority is left
		severity = Error
	}
	return []Finding{finding(code, severity, "%s: %s", s.Name, strings.Join(behind, ", "))}
}
