package jetstream

import (
	"regexp"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// Names of foxhunt's streams and consumers.
const (
	StreamCaptures   = "CAPTURES"
	StreamFixes      = "FIXES"
	StreamDead       = "DEAD"
	StreamAdvisories = "ADVISORIES"
	StreamEvents     = "EVENTS"

	BucketLeases  = "foxhunt-leases"  // who leads, where only one of several processes may
	BucketClaims  = "foxhunt-claims"  // captures that a worker took out of turn
	BucketRollout = "foxhunt-rollout" // the plan of which model serves
	BucketModels  = "foxhunt-models"  // an object store: models' files

	BucketMeetings = "foxhunt-meetings" // events whose captures are coming together
	BucketMet      = "foxhunt-met"      // events that ended
	BucketHeard    = "foxhunt-heard"    // stations that were heard lately

	ConsumerWorkers = "workers" // shared by all workers
	ConsumerReaper  = "reaper"  // reads the advisories about captures that were delivered too often
)

// maxCaptureMessage bounds a capture with its headers; headerRoom is what a dead letter may add to it.
const (
	maxCaptureMessage = 8<<20 + 16<<10
	headerRoom        = 48 << 10
)

// Topology is the streams and consumers foxhunt needs. Change fields of DefaultTopology's result to choose other limits.
type Topology struct {
	Captures   js.StreamConfig
	Fixes      js.StreamConfig
	Dead       js.StreamConfig
	Advisories js.StreamConfig
	Events     js.StreamConfig
	Models     js.StreamConfig // of an object store, by whose rules its name and subjects are
	Workers    js.ConsumerConfig
	Reaper     js.ConsumerConfig
	Leases     js.KeyValueConfig
	Claims     js.KeyValueConfig
	Rollout    js.KeyValueConfig
	Meetings   js.StreamConfig // of key-value buckets, likewise: the configuration of a bucket cannot say that
	Met        js.StreamConfig // the oldest entries go when it is full, so that nothing stops then
	Heard      js.StreamConfig
}

// DefaultTopology returns defaults that are safe on a single machine:
//
//   - CAPTURES: a work queue on disk, at most 10,000 captures waiting per subject and 16 GiB in all. A station beyond that
//     is refused (and told so); the captures of other stations, and those already waiting, stay. Nothing expires. An id is
//     remembered for 15 minutes, as with FIXES.
//   - FIXES: kept for 24 hours, the newest 8 GiB. A fix's id is remembered for 15 minutes, at some 145 bytes of the server's
//     memory for each (13 MB at 100 fixes a second). A capture that comes again later than that, after a long outage, gets a
//     second fix: readers must take capture_id for the key.
//   - DEAD: kept for 14 days, the newest 4 GiB and 10,000 of a subject.
//   - ADVISORIES: the server's word on captures that were delivered MaxDeliver times, kept until dealt with, the
//     newest 64 MiB.
//   - EVENTS: what happened to the fleet's models, kept for 14 days, the newest 64 MiB.
//   - foxhunt-models: an object store of at most 4 GiB; beyond that no more is taken.
//   - workers: a capture not acknowledged within 30 s is delivered again, 20 times in all; at most 131,072 captures are with
//     workers at once, those included that wait for their companions: enough for 10,000 events of 12 captures each. 100,000
//     that wait take the server 23 MB, and some 10 % of a processor to keep 0.7 MB of the consumer's state on the disk
//     (go test ./jetstream -run '^$' -bench Waiting -benchtime 1x). A worker gives up a capture that fails at its 12th delivery or a later one; the server's own limit is well
//     above that, and catches captures whose workers died.
//   - foxhunt-leases: key-value entries that lapse 15 s after they were last renewed.
//   - foxhunt-claims: captures taken out of turn, and those that were begun before; entries lapse after 6 hours.
//   - foxhunt-rollout: the plan of which model serves, with the 63 before it; nothing lapses.
//   - foxhunt-meetings: events whose captures are coming together, the newest 64 MiB. Beyond a half, some 40,000 events of
//     three captures or 6,000 of 32, captures that would begin another event wait; the markers of what was removed within the last
//     minute count, too, some 250 bytes each. Entries lapse 6 hours after their last change.
//   - foxhunt-met: events that ended within the last hour, the newest 64 MiB.
//   - foxhunt-heard: stations that were heard within 5 minutes, the newest 16 MiB.
//
// The server sets MaxBytes aside when a stream is made: 32.3 GiB in all. Where it has no room for that, [Conn.Ensure] gives
// CAPTURES, FIXES, DEAD and foxhunt-models a half, a quarter, ... of theirs; the rest, 320 MiB, is whole.
func DefaultTopology() Topology {
	stream := func(name, description string, subjects ...string) js.StreamConfig {
		return js.StreamConfig{
			Name: name, Description: description, Subjects: subjects,
			Storage: js.FileStorage, Replicas: 1, AllowDirect: true,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1,
			Duplicates: 2 * time.Minute,
		}
	}
	t := Topology{
		Captures: stream(StreamCaptures, "captures waiting for a worker", "captures.>"),
		Fixes:    stream(StreamFixes, "positions with their uncertainty", "fixes.>"),
		Dead:     stream(StreamDead, "captures that could not be located, with the reason", "dead.>"),
		Advisories: stream(StreamAdvisories, "captures that were delivered too often",
			maxDeliveries(StreamCaptures)),
		Events: stream(StreamEvents, "what happened to the fleet's models", eventSubjects),
		Models: stream(objectStream+BucketModels, "models' files", objectSubjects(BucketModels)...),
	}
	t.Captures.Retention = js.WorkQueuePolicy
	t.Captures.Discard = js.DiscardNew
	t.Captures.DiscardNewPerSubject = true
	t.Captures.MaxMsgsPerSubject = 10_000
	t.Captures.MaxMsgSize = maxCaptureMessage
	t.Captures.MaxBytes = 16 << 30
	t.Captures.Duplicates = 15 * time.Minute
	t.Fixes.MaxAge = 24 * time.Hour
	t.Fixes.MaxBytes = 8 << 30
	t.Fixes.Duplicates = 15 * time.Minute
	t.Dead.MaxAge = 14 * 24 * time.Hour
	t.Dead.MaxBytes = 4 << 30
	t.Dead.MaxMsgsPerSubject = 10_000
	t.Dead.Duplicates = 15 * time.Minute
	t.Advisories.Retention = js.WorkQueuePolicy
	t.Advisories.MaxBytes = 64 << 20 // some 100,000
	t.Events.MaxAge = 14 * 24 * time.Hour
	t.Events.MaxBytes = 64 << 20
	t.Models.Discard = js.DiscardNew
	t.Models.AllowRollup = true
	t.Models.MaxBytes = 4 << 30

	t.Workers = js.ConsumerConfig{
		Durable: ConsumerWorkers, Description: "all workers share this",
		AckPolicy: js.AckExplicitPolicy, DeliverPolicy: js.DeliverAllPolicy,
		FilterSubject: "captures.>",
		AckWait:       30 * time.Second, MaxDeliver: 20, MaxAckPending: 131_072,
	}
	t.Reaper = js.ConsumerConfig{
		Durable: ConsumerReaper, Description: "moves captures delivered too often to " + StreamDead,
		AckPolicy: js.AckExplicitPolicy, DeliverPolicy: js.DeliverAllPolicy,
		AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 64,
	}
	// On disk: a server that restarts must not forget who leads, nor on which captures workers died, perhaps with it.
	bucket := func(name, description string, ttl time.Duration) js.KeyValueConfig {
		return js.KeyValueConfig{Bucket: name, Description: description, TTL: ttl, Storage: js.FileStorage, MaxBytes: 16 << 20, Replicas: 1}
	}
	t.Leases = bucket(BucketLeases, "who leads", 15*time.Second)
	t.Claims = bucket(BucketClaims, "captures taken out of turn, or begun and not ended", 6*time.Hour)
	t.Rollout = bucket(BucketRollout, "the plan of which model serves", 0)
	t.Rollout.History = 64
	newest := func(name, description string, ttl time.Duration, size int64) js.StreamConfig {
		s := stream(bucketStream+name, description, bucketSubjects(name))
		s.MaxMsgsPerSubject, s.MaxAge, s.MaxBytes = 1, ttl, size
		s.AllowRollup, s.DenyDelete = true, true // as those of all buckets
		return s
	}
	t.Meetings = newest(BucketMeetings, "events whose captures are coming together", 6*time.Hour, 64<<20)
	t.Meetings.AllowMsgTTL, t.Meetings.SubjectDeleteMarkerTTL = true, markerTTL // else no message may say how long it is to live
	t.Met = newest(BucketMet, "events that ended", time.Hour, 64<<20)
	t.Heard = newest(BucketHeard, "stations that were heard lately", 5*time.Minute, 16<<20)
	return t
}

// WithReplicas returns t with n copies of every stream, consumer and bucket, on as many servers of a cluster.
func (t Topology) WithReplicas(n int) Topology {
	for _, stream := range t.streams() {
		stream.Replicas = n
	}
	for _, bucket := range t.buckets() {
		bucket.Replicas = n
	}
	return t // consumers take their stream's
}

// WithPrefix returns t with prefix before the names of all streams and buckets.
func (t Topology) WithPrefix(prefix string) Topology {
	models, meetings, met, heard := prefix+t.modelsBucket(), prefix+bucketOf(t.Meetings.Name), prefix+bucketOf(t.Met.Name), prefix+bucketOf(t.Heard.Name)
	for _, stream := range t.streams() {
		stream.Name = prefix + stream.Name
	}
	for _, bucket := range t.buckets() {
		bucket.Bucket = prefix + bucket.Bucket
	}
	t.Models.Name, t.Models.Subjects = objectStream+models, objectSubjects(models)
	t.Meetings.Name, t.Meetings.Subjects = bucketStream+meetings, []string{bucketSubjects(meetings)}
	t.Met.Name, t.Met.Subjects = bucketStream+met, []string{bucketSubjects(met)}
	t.Heard.Name, t.Heard.Subjects = bucketStream+heard, []string{bucketSubjects(heard)}
	t.Advisories.Subjects = []string{maxDeliveries(t.Captures.Name)}
	return t
}

// streams are t's own, to be changed.
func (t *Topology) streams() []*js.StreamConfig {
	return []*js.StreamConfig{&t.Captures, &t.Fixes, &t.Dead, &t.Advisories, &t.Events, &t.Models, &t.Meetings, &t.Met, &t.Heard}
}

// buckets are t's own, likewise.
func (t *Topology) buckets() []*js.KeyValueConfig {
	return []*js.KeyValueConfig{&t.Leases, &t.Claims, &t.Rollout}
}

// objectStream is what the name of the stream behind an object store begins with.
const objectStream = "OBJ_"

// objectSubjects are those of an object store: chunks of files, and what is known of each file.
func objectSubjects(bucket string) []string {
	return []string{"$O." + bucket + ".C.>", "$O." + bucket + ".M.>"}
}

// modelsBucket is the name of the object store.
func (t *Topology) modelsBucket() string { return strings.TrimPrefix(t.Models.Name, objectStream) }

// bucketSubjects are those of a key-value bucket, and bucketOf is the bucket of a stream.
func bucketSubjects(bucket string) string { return "$KV." + bucket + ".>" }
func bucketOf(stream string) string       { return strings.TrimPrefix(stream, bucketStream) }

// maxDeliveries is the subject of the server's advisories about captures that were delivered too often.
func maxDeliveries(stream string) string {
	return "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + stream + ".*"
}

// Names go into subjects and, on the server, into the paths of files.
var (
	goodName   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	goodFilter = regexp.MustCompile(`^captures(\.[^.*>\s]+|\.\*)*(\.>)?$`)
)

// ValidateNames says the first name of t that NATS would not take.
func (t Topology) ValidateNames() error {
	names := []string{t.Workers.Durable, t.Reaper.Durable}
	for _, stream := range t.streams() {
		names = append(names, stream.Name)
	}
	for _, bucket := range t.buckets() {
		names = append(names, bucket.Bucket)
	}
	for _, name := range names {
		if !goodName.MatchString(name) {
			return fail(CodeBadOption, nil, "the name %q cannot be a stream's or consumer's; want up to 64 letters, digits, - and _", name)
		}
	}
	if filter := t.Workers.FilterSubject; !goodFilter.MatchString(filter) || filter == "captures" {
		return fail(CodeBadOption, nil, "the filter %q matches no captures; want for example captures.> or captures.north.*", filter)
	}
	return nil
}

// fit lowers the size of a capture where the server takes less than our own does, so that a dead letter, which is the
// capture and more headers, always fits.
func (t Topology) fit(maxPayload int64) Topology {
	if most := maxPayload - headerRoom; int64(t.Captures.MaxMsgSize) > most && most > 0 {
		t.Captures.MaxMsgSize = int32(most)
	}
	return t
}
