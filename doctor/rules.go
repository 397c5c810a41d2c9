package doctor

import "slices"

// Rule is what a code stands for. docs/doctor.md lists them all.
type Rule struct {
	Code string
	Asks string // the question it answers
	Why  string // it matters
	Mend string // what helps, unless a finding knows better
}

// Rules returns every rule, in the order in which findings of one severity are shown.
func Rules() []Rule {
	return slices.Concat(serverRules(), streamRules(), consumerRules(), flowRules(), stationRules(), besideRules(), machineRules())
}

// serverRules are about the NATS server.
func serverRules() []Rule {
	return []Rule{
		{"nats_reach", "Does the NATS server answer, and take the credentials?",
			"Without it nothing is stored and nothing is located.",
			"nats-server -c nats-server.conf, then foxhunt doctor --nats nats://HOST:4222 --nats-creds FILE"},
		{"nats_version", "Is the server new enough, and of no version with known faults?",
			"Older servers lack what foxhunt uses, lost streams when they were killed, or let users past their permissions.",
			"upgrade nats-server to 2.11.16, 2.12.7, 2.14.0 or later, one server after the other"},
		{"nats_jetstream", "Is JetStream switched on, for this account, too?",
			"Captures and fixes are stored in streams, and streams are JetStream's.",
			"nats-server.conf: jetstream { store_dir: /var/lib/nats }; with accounts, jetstream: enabled in this one, too"},
		{"nats_max_payload", "Does the server take captures of 8 MiB and their dead letters?",
			"A larger message than max_payload is refused, and its station's connection is cut.",
			"nats-server.conf: max_payload: 8454144, then nats-server -c nats-server.conf -t && nats-server --signal reload"},
		{"nats_sync", "Is a message on the disk before its PubAck?",
			"By default the server writes to the disk every two minutes: a power cut loses what it had acknowledged since.",
			"nats-server.conf: jetstream { sync_interval: always }, or three replicas with power of their own (foxhunt worker --profile cluster)"},
		{"nats_tls", "Is the server's port encrypted where others can reach it?",
			"Captures, fixes and passwords go over the network for everybody to read and change.",
			"nats-server.conf: tls { cert_file: FILE, key_file: FILE }, or listen: 127.0.0.1:4222"},
		{"nats_auth", "Does the server ask for credentials where others can reach it?",
			"Anybody who reaches the port can publish captures and fixes, read all, and delete the streams.",
			"nats-server.conf: accounts with a user for each station and service, or listen: 127.0.0.1:4222"},
		{"nats_store", "Has the server room for what its streams may hold?",
			"When JetStream's storage is full, captures are refused, and fixes cannot be stored.",
			"nats-server.conf: jetstream { max_file_store: SIZE } on a larger disk, or smaller streams (--captures-bytes, --fixes-bytes, --dead-bytes with --apply)"},
		{"nats_clock", "Do the server's clock and this machine's agree?",
			"Ages, lags and clock offsets are differences between the clocks of machines.",
			"chronyc makestep, on the machine whose clock is wrong"},
	}
}

// streamRules are about streams.
func streamRules() []Rule {
	return []Rule{
		{"stream_missing", "Are all streams, consumers and buckets there?",
			"What a missing stream should store is refused; without its consumer no worker gets a capture.",
			"foxhunt worker or foxhunt up makes what is missing; start one with the same --stream-prefix and --consumer"},
		{"stream_config", "Are streams and consumers as foxhunt would make them?",
			"Foxhunt is tested with its own settings; others may lose captures, or keep them for ever.",
			"foxhunt worker --apply, with the flags that you mean; or give doctor the flags that you use"},
		{"captures_retention", "Do captures stay until they are settled?",
			"A stream that throws away its oldest captures, or lets them expire, loses what it had acknowledged.",
			"foxhunt worker --apply; where the server refuses that, drain the stream, delete it, and start a worker"},
		{"duplicate_window", "Does the server remember message ids long enough?",
			"A station that sends a capture again because the PubAck was lost makes a second one, and a second fix.",
			"foxhunt worker --apply"},
		{"replicas", "Has each stream as many replicas as it should, and all of them up to date?",
			"The loss of the one server that holds a stream loses what is in it; without a majority it takes nothing.",
			"foxhunt worker --profile cluster --apply; for one that is down: start that server, or nats server cluster peer-remove it"},
		{"stream_room", "Are the streams far from their limits?",
			"At its limit CAPTURES refuses captures, of one station or of all; FIXES and DEAD drop their oldest before their time. From a half of foxhunt-meetings on no event begins until others have ended.",
			"more workers if the lag grows; else raise the limit: foxhunt worker --captures-bytes N --captures-per-subject N --apply"},
	}
}

// consumerRules are about the workers' consumer.
func consumerRules() []Rule {
	return []Rule{
		{"max_deliver", "Does a capture that never finishes come to an end?",
			"A capture that kills its worker is delivered again and again without a bound, and kills them all.",
			"foxhunt worker --max-deliver 20 --apply"},
		{"ack_wait", "Is AckWait well above the time a capture takes?",
			"A capture that takes longer is given to a second worker while the first is still at it: work done twice, or dead letters of good captures.",
			"foxhunt worker --ack-wait 30s --apply, or a faster model, or fewer --lanes"},
		{"ack_pending", "May enough captures be with the workers at once?",
			"At the consumer's max_ack_pending the server delivers nothing more, and workers stand idle.",
			"foxhunt worker --max-ack-pending 131072 --apply"},
		{"consumer_paused", "Is the consumer running?",
			"A paused consumer delivers nothing; captures pile up until stations are refused.",
			"nats consumer resume CAPTURES workers"},
	}
}

// flowRules are about how captures flow.
func flowRules() []Rule {
	return []Rule{
		{"workers", "Is there a worker that pulls, and gets on?",
			"Without one captures pile up until stations are refused.",
			"foxhunt worker --nats URL, and see its log and its /readyz"},
		{"lag", "Do the workers keep up?",
			"A lag that grows makes every fix later, until stations are refused.",
			"more workers (foxhunt worker on another machine); foxhunt lag shows which subjects"},
		{"oldest_capture", "How old is the oldest capture that waits?",
			"A fix of long ago helps nobody who is looking for a transmitter now.",
			"foxhunt lag --once shows the subjects; more workers, or find what holds these captures up"},
		{"dead_captures", "Are there captures that the server will not deliver again, and nobody moved away?",
			"They fill their subject's share of the stream and end as neither fix nor dead letter.",
			"start a worker: it moves them to the dead letters; foxhunt dead ls then says which"},
		{"advisories", "Are the server's advisories about such captures being dealt with?",
			"They are how foxhunt learns of captures that killed their workers.",
			"start a worker, and look in its log for \"delivered too often\""},
		{"dead_letters", "How many captures became dead letters, and why?",
			"Each is a capture that was not located; many of one reason are one fault to be mended.",
			"foxhunt dead ls; docs/messages.md explains each reason; foxhunt dead replay once it is mended"},
		{"model_plan", "Can the plan of which model serves be followed?",
			"Workers that run go on with the plan before; those that start wait.",
			"foxhunt model plan says what is wrong; if a later version wrote it, update this one; else nats kv history and nats kv put bring an earlier one back"},
	}
}

// stationRules are about stations, by what they sent.
func stationRules() []Rule {
	return []Rule{
		{"fixes", "Are there fixes of late to judge by?",
			"Service time, clocks and residuals are measured on the last fixes; without any there is nothing to say of them.",
			"foxhunt publish or foxhunt simulate, then foxhunt doctor again; foxhunt watch shows fixes as they come"},
		{"station_clock", "Are the captures' times near the server's?",
			"A start time in the future is certainly a wrong clock; one long past is a spool, a recording, or a wrong clock.",
			"chronyc tracking on the station, or see to its GNSS receiver"},
		{"station_residual", "Do all stations agree on where the transmitter is?",
			"A station whose arrival times never fit has a wrong clock or a wrong place; without it the ellipses are longer than they need be.",
			"check the station's clock (GNSS, chronyc tracking) and its coordinates"},
		{"station_position", "Has every station a place?",
			"A station that was never told its place says 0 degrees north and 0 east; its captures are refused.",
			"set lat and lon in the station's configuration (stations.yaml)"},
		{"station_silent", "Has a source that was heard before gone silent?",
			"A receiver that is down is noticed by nobody but who waits for its fixes.",
			"look at the station, or let it be if its transmitter is off"},
		{"worker_clock", "Are the workers' clocks near the server's?",
			"Fixes carry the worker's time, and ages of captures are reckoned with it.",
			"chronyc makestep on the machines that workers run on"},
	}
}

// besideRules are about what stands beside NATS.
func besideRules() []Rule {
	return []Rule{
		{"redis", "Does Redis answer, and fast?",
			"Workers give Redis 5 ms; when it takes longer they do without the shared cache, and models run more often.",
			"redis-cli -u URL ping; put Redis near the workers"},
		{"redis_memory", "Does Redis throw away old entries when its memory is full?",
			"Without a bound it grows until the machine kills something; with noeviction it refuses writes when full.",
			"redis-cli config set maxmemory 1gb && redis-cli config set maxmemory-policy allkeys-lru, and the same in redis.conf"},
		{"redis_version", "Is Redis of a version that is still maintained?",
			"Versions below 6.2 get no more security fixes.",
			"upgrade redis-server to 6.2 or later"},
		{"onnx_runtime", "Does ONNX Runtime load, and is it new enough?",
			"A worker does not start without it.",
			"make onnxruntime, or --onnxruntime FILE with ONNX Runtime 1.24.1 or later"},
		{"model", "Does the model load, and state what it eats?",
			"A worker does not start with a model that it cannot serve.",
			"foxhunt model info FILE says what is wrong with it"},
	}
}

// machineRules are about this machine.
func machineRules() []Rule {
	return []Rule{
		{"files_limit", "May the processes here open enough files?",
			"A server needs a file for each connection and several for each stream; at the limit it takes neither.",
			"LimitNOFILE=65536 in the service's unit, or ulimit -n 65536 before it starts"},
		{"disk", "Has the disk room for what the streams may hold?",
			"A full disk stops JetStream: nothing is stored until somebody makes room.",
			"make room, or smaller streams: foxhunt worker --captures-bytes N --fixes-bytes N --dead-bytes N --apply"},
		{"processors", "Do the processes here use the processors that they have?",
			"More threads than a container may run are stopped by its quota for tens of milliseconds at a time.",
			"leave GOMAXPROCS unset, or raise the container's CPU limit"},
		{"clock_sync", "Is this machine's clock kept in time?",
			"A clock that drifts makes ages, lags and this report's offsets wrong; on a station it makes the fixes wrong.",
			"timedatectl set-ntp true, or install chrony"},
	}
}

// ruleOf is the rule of a code; a code without one is a fault of this room, which its tests would find.
func ruleOf(code string) Rule {
	for _, rule := range Rules() {
		if rule.Code == code {
			return rule
		}
	}
	panic("doctor: no rule has the code " + code)
}
