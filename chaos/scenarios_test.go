package chaos

import (
	"fmt"
	"testing"
	"time"

	"foxhunt/cache/redistest"
)

var scenarios = []scenario{
	{name: "workers killed", short: true, play: killWorkers},
	{name: "workers killed, default model", play: killGridWorkers},
	{name: "workers restarted one by one", house: patientHouse(30 * time.Second), play: rollWorkers},
	{name: "workers stopped and continued", play: pauseWorkers},
	{name: "NATS killed", short: true, play: killNATS},
	{name: "NATS restarted", play: restartNATS},
	{name: "NATS stopped and continued", play: pauseNATS},
	{name: "leader of three killed", house: clusterHouse, play: killLeader},
	{name: "Redis killed, slow", play: hurtRedis},
	{name: "captures that panic", house: impatientHouse(2), play: panicWorkers},
	{name: "captures that kill", house: impatientHouse(5), play: poisonWorkers},
	{name: "captures that take long", house: patientHouse(4 * time.Second), play: slowWorkers},
	{name: "hostile captures", play: hostileCaptures},
	{name: "limits reached", house: smallHouse, play: reachLimits},
	{name: "disk full", house: tmpfsHouse, play: fillDisk},
	{name: "one station floods", alone: true, play: floodStation},
	{name: "one station floods, workers killed", play: floodAndKill},
	{name: "lag against the ledger", alone: true, play: compareLag},
	{name: "captures of 8 MiB", alone: true, play: floodBytes},
	{name: "all at once", play: allAtOnce},
}

// killWorkers kills a worker with captures in hand, again and again, those that just came up included.
func killWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(3)
	n := h.during(steady(t, *captures, *duration), often(6), func(i int) { crew.Worker(i % 3).Kill() })
	return times(n, "a worker was killed")
}

// killGridWorkers is killWorkers with the default model, which takes its time to load.
func killGridWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(2, "--model", "grid")
	n := h.during(steady(t, *captures, *duration), often(1), func(i int) {
		crew.Ready((i + 1) % 2) // there is always one
		crew.Worker(i % 2).Kill()
	})
	return times(n, "a worker was killed")
}

// rollWorkers stops one worker after the other with SIGTERM, as a deployment does. Nothing may be delivered twice for it.
func rollWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(3)
	n := h.during(steady(t, *captures, *duration), often(3), func(i int) {
		stopping := crew.Worker(i % 3)
		stopping.Terminate()
		<-stopping.Ended()
		crew.Ready(i % 3)
	})
	h.Settle(*settling)
	if deliveries := h.Deliveries(); deliveries != *captures {
		t.Errorf("%d captures took %d deliveries; a clean stop must cost none\n%s", *captures, deliveries, crew.Logs(20))
	}
	return times(n, "a worker was stopped")
}

// pauseWorkers stops a worker for longer than AckWait, so that others get what it has in hand, and has it go on.
func pauseWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(3)
	n := h.during(steady(t, *captures, *duration), often(1), func(i int) {
		crew.Worker(i % 3).Pause()
		time.Sleep(ackWait + ackWait/4)
		crew.Worker(i % 3).Resume()
	})
	return times(n, "a worker stood still for longer than AckWait")
}

// killNATS kills the server under load and starts it again, while workers and stations go on.
func killNATS(t *testing.T, h *House) string {
	h.NewCrew(2)
	n := h.during(steady(t, *captures, *duration), often(2), func(int) {
		h.Servers[0].Kill()
		h.Servers[0].Start(t)
	})
	return times(n, "the server was killed")
}

// restartNATS stops the server well and starts it again; the first time before any worker is there.
func restartNATS(t *testing.T, h *House) string {
	server := h.Servers[0]
	server.Terminate()
	<-server.Ended()
	crew := h.startCrew(2)
	waitFor(t, "a worker to say that it waits", func() bool { return crew.Said("waiting for NATS") >= 2 })
	server.Start(t)
	crew.Ready(0)
	n := h.during(steady(t, *captures, *duration), often(1), func(int) {
		server.Terminate()
		<-server.Ended()
		server.Start(t)
	})
	return times(n+1, "the server was restarted")
}

// pauseNATS stops the server for longer than AckWait: nobody is disconnected, and nothing moves.
func pauseNATS(t *testing.T, h *House) string {
	h.NewCrew(2)
	n := h.during(steady(t, *captures, *duration), often(1), func(int) {
		h.Servers[0].Pause()
		time.Sleep(ackWait + ackWait/4)
		h.Servers[0].Resume()
	})
	return times(n, "the server stood still for longer than AckWait")
}

// hurtRedis kills Redis, starts it again, and has it answer nothing for a while, in turns. Every second capture sounds like
// the one before.
func hurtRedis(t *testing.T, h *House) string {
	redis := redistest.Start(t)
	h.NewCrew(2, "--redis", redis.URL())
	n := h.during(steady(t, *captures, *duration), often(6), func(i int) {
		switch i % 4 {
		case 0:
			redis.Kill()
		case 1:
			redis.Restart(t)
		case 2:
			redis.Pause(t)
		case 3:
			redis.Resume(t)
		}
	})
	if n%4 == 3 {
		redis.Resume(t)
	}
	return times((n+1)/2, "Redis was killed or stopped")
}

// patientHouse delivers again only after so long. Scenarios in which no delivery may be repeated have it, as a disk or
// processors that others use can keep everything for longer than ackWait.
func patientHouse(ackWait time.Duration) func(t *testing.T) *House {
	return func(t *testing.T) *House {
		topology := topology(1)
		topology.Workers.AckWait = ackWait
		return newHouse(t, program(t), topology)
	}
}

// impatientHouse gives a capture up after so many deliveries, so that this happens within a short test.
func impatientHouse(deliveries int) func(t *testing.T) *House {
	return func(t *testing.T) *House {
		topology := topology(1)
		topology.Workers.MaxDeliver = deliveries
		return newHouse(t, program(t), topology)
	}
}

// poisoned is steady traffic in which every so many captures have a session that harms their worker.
func poisoned(t *testing.T, every int, session string, want Fate) Traffic {
	traffic := steady(t, *captures, *duration)
	good := traffic.Make
	traffic.Make = func(i int) Capture {
		if i%every != every/2 {
			return good(i)
		}
		c := newCapture(t, "captures.chaos.poison", session)
		c.Want = want
		return c
	}
	return traffic
}

// panicWorkers has captures among the others that make a stage panic: the workers live on.
func panicWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(2)
	h.Publish(t.Context(), poisoned(t, 100, sessionPanic, Dead))
	h.Settle(*settling)
	if n := crew.Deaths.Load(); n > 0 {
		t.Errorf("%d workers died of a panic", n)
	}
	return times(crew.Said("made the worker panic"), "a capture panicked")
}

// poisonWorkers has captures among the others that kill the worker that takes them, without a word. They must end as dead
// letters, and must not take the others with them.
func poisonWorkers(t *testing.T, h *House) string {
	crew := h.NewCrew(3)
	h.Publish(t.Context(), poisoned(t, *captures/2, sessionKill, Dead))
	h.Settle(*settling)
	return fmt.Sprintf("two captures killed %d workers", crew.Deaths.Load())
}

// slowWorkers has captures that take longer than AckWait: that is no reason to deliver them again.
func slowWorkers(t *testing.T, h *House) string {
	h.NewCrew(2)
	h.Publish(t.Context(), poisoned(t, *captures/4, sessionSlow, Fixed))
	h.Settle(*settling)
	if deliveries := h.Deliveries(); deliveries != *captures {
		t.Errorf("%d captures took %d deliveries; long work must extend its deadline", *captures, deliveries)
	}
	return "four captures took longer than AckWait"
}

// hostileCaptures has every third message garbage, truncated or a lie.
func hostileCaptures(t *testing.T, h *House) string {
	h.NewCrew(2)
	traffic := steady(t, *captures, *duration)
	good := traffic.Make
	traffic.Make = func(i int) Capture {
		if i%3 == 0 {
			return hostile(t, fmt.Sprintf("captures.hostile.s%d", i%10), i/3)
		}
		return good(i)
	}
	h.Publish(t.Context(), traffic)
	h.Settle(*settling)
	return "every third message is no capture"
}

// floodAndKill kills workers while they take captures out of turn, as they do when one station has sent too much.
func floodAndKill(t *testing.T, h *House) string {
	flood := func(int) Capture { return newCapture(t, "captures.chaos.flood", "") }
	h.Publish(t.Context(), Traffic{Captures: *captures / 2, Make: flood})
	crew := h.NewCrew(2, "--lanes", "2")
	n := h.during(steady(t, *captures/2, *duration), often(6), func(i int) { crew.Worker(i % 2).Kill() })
	return times(n, "a worker was killed")
}

// allAtOnce kills workers, the server and Redis, without order.
func allAtOnce(t *testing.T, h *House) string {
	redis := redistest.Start(t)
	crew := h.NewCrew(3, "--redis", redis.URL())
	traffic := poisoned(t, 50, sessionSlow, Fixed)
	n := h.during(traffic, often(5), func(i int) {
		switch i % 5 {
		case 0, 3:
			crew.Worker(i % 3).Kill()
		case 1:
			h.Servers[0].Kill()
			h.Servers[0].Start(t)
		case 2:
			redis.Kill()
			redis.Restart(t)
		case 4:
			crew.Worker(i % 3).Terminate()
		}
	})
	return times(n, "something was killed")
}
