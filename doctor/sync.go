package doctor

import "foxhunt/jetstream"

// checkSync judges each server that shows its configuration: one replica needs every message on the disk before its PubAck.
func checkSync(f *Facts) (all []Finding) {
	const code = "nats_sync"
	if !f.Varz.seen() {
		return []Finding{unknown(code, f.Varz.Err, "give --nats-monitor http://127.0.0.1:8222 (nats-server.conf: http: 127.0.0.1:8222; of foxhunt up: its "+
			"--http-listen), or credentials that may ask $SYS.REQ.SERVER.PING.VARZ")}
	}
	for _, err := range f.Unasked {
		all = append(all, unknown(code, err, "start that server, or give --nats-monitor the URL of its monitoring port"))
	}
	replicas := capturesReplicas(f)
	for _, varz := range f.Varz.Value {
		config := varz.JetStream.Config
		switch {
		case config == nil:
			all = append(all, finding(code, Info, "server %s stores nothing: JetStream is off there", varz.Name))
		case config.SyncAlways:
			all = append(all, finding(code, OK, "server %s writes to the disk before each PubAck", varz.Name))
		case replicas >= 3:
			all = append(all, finding(code, OK, "server %s writes to the disk every %v, and captures have %d replicas", varz.Name, config.SyncInterval, replicas))
		default:
			all = append(all, finding(code, Warning, "server %s writes to the disk every %v, and captures have %d replica", varz.Name, config.SyncInterval, replicas))
		}
	}
	return all
}

// capturesReplicas is how many copies there are of a capture, or should be where the stream is not seen.
func capturesReplicas(f *Facts) int {
	if state := streamOf(f, f.Topology.Captures.Name); state != nil && state.Info != nil {
		return state.Info.Config.Replicas
	}
	return f.Topology.Captures.Replicas
}

// streamOf is what was seen of a stream; nil where nothing was.
func streamOf(f *Facts, name string) *jetstream.StreamState {
	if !f.Inventory.seen() {
		return nil
	}
	for i, state := range f.Inventory.Value.Streams {
		if state.Name == name {
			return &f.Inventory.Value.Streams[i]
		}
	}
	return nil
}

// workersOf is what was seen of the workers' consumer; nil where it was not.
func workersOf(f *Facts) *jetstream.ConsumerState {
	if !f.Inventory.seen() {
		return nil
	}
	for i, state := range f.Inventory.Value.Consumers {
		if state.Stream == f.Topology.Captures.Name && state.Info != nil {
			return &f.Inventory.Value.Consumers[i]
		}
	}
	return nil
}
