package deploy_test

import (
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// TestStationRuns starts what foxhunt-station.service starts, with the example's settings but for addresses, beside something that
// speaks rtl_tcp: captures must come under the station's name.
func TestStationRuns(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	conn := server.Connect(t)
	environment := settings(t, "station/station.env.example")
	environment["FOXHUNT_NATS"], environment["FOXHUNT_RTL_TCP"], environment["FOXHUNT_LISTEN"] = server.ClientURL(), playRTL(t), "127.0.0.1:0"
	environment["FOXHUNT_EVERY"] = "1s"
	delete(environment, "FOXHUNT_NATS_CA") // this server has no certificate
	station, log := startStation(t, environment)
	waitFor(t, "captures of the station", func() bool {
		n := 0
		for m, err := range conn.StoredCaptures(t.Context(), jetstream.DefaultTopology(), "") {
			if err != nil {
				return false
			}
			if m.Subject != "captures.city.NORTH" {
				t.Fatalf("a capture on %s", m.Subject)
			}
			n++
		}
		return n >= 2
	}, log.String)
	if err := station.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := station.Wait(); err != nil {
		t.Errorf("the station ended with %v\n%s", err, log.String())
	}
}

// startStation starts what foxhunt-station.service starts.
func startStation(t *testing.T, environment map[string]string) (station *exec.Cmd, log *syncBuffer) {
	t.Helper()
	words := strings.Fields(unit(t, "station/foxhunt-station.service")["ExecStart"][0])
	station, log = exec.Command(programs(t).foxhunt, words[1:]...), &syncBuffer{}
	station.Dir = t.TempDir()
	for key, value := range environment {
		station.Env = append(station.Env, key+"="+value)
	}
	station.Stdout, station.Stderr = log, log
	if err := station.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = station.Process.Kill() }) // an error says that it has ended already
	return station, log
}

// TestDispatcher asks a station for a capture, with the key that secrets.sh makes for that, through the compose file's NATS server.
func TestDispatcher(t *testing.T) {
	t.Parallel()
	s := newStack(t, readCompose(t, "../docker-compose.yml", siteUser))
	secrets := filepath.Join(s.site, "deploy/secrets")
	public, err := exec.Command(programs(t).foxhunt, "nkey", filepath.Join(secrets, "NORTH.nk")).Output()
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(secrets, "users.conf")
	write(t, users, strings.Replace(readFile(t, users), "STATIONS: [\n", `STATIONS: [
  { nkey: "`+strings.TrimSpace(string(public))+`", permissions: {
      publish: "captures.city.NORTH", subscribe: ["_INBOX_city.NORTH.>", "requests.city"], allow_responses: { max: 1, expires: "1m" } } }
`, 1))
	s.up(t, "nats")
	environment := settings(t, "station/station.env.example")
	environment["FOXHUNT_NATS"], environment["FOXHUNT_NATS_CA"] = "tls://"+s.addresses["nats:4222"], filepath.Join(secrets, "tls/ca.pem")
	environment["FOXHUNT_NATS_NKEY"] = filepath.Join(secrets, "NORTH.nk")
	environment["FOXHUNT_RTL_TCP"], environment["FOXHUNT_LISTEN"] = playRTL(t), "127.0.0.1:0"
	_, log := startStation(t, environment)
	var out string
	waitFor(t, "the station to accept", func() bool {
		var err error
		out, err = s.run(t, "dispatcher", "capture", "--nats-inbox", "_INBOX_dispatcher", "--network", "city", "--freq", "145.5e6", "--json")
		var result struct {
			Answers []struct {
				Station  string
				Accepted bool
			}
		}
		return err == nil && json.Unmarshal([]byte(out), &result) == nil && len(result.Answers) == 1 &&
			result.Answers[0].Station == "NORTH" && result.Answers[0].Accepted
	}, func() string { return out + "\n" + log.String() })
}

// playRTL speaks rtl_tcp as a receiver that hears nothing, at the rate of the example's settings, to one client at a time.
func playRTL(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			play(conn)
		}
	}()
	return listener.Addr().String()
}

// play sends the header of rtl_tcp and samples until the client is gone.
func play(conn net.Conn) {
	defer conn.Close()
	const pace = 50 * time.Millisecond
	samples := make([]byte, 2*250e3/20)
	for i := range samples {
		samples[i] = byte(127 + i%2)
	}
	message := append([]byte("RTL0\x00\x00\x00\x05\x00\x00\x00\x1d"), samples...) // an R820T with 29 gains
	for next := time.Now(); ; next = next.Add(pace) {
		time.Sleep(time.Until(next)) // a receiver's pace
		if _, err := conn.Write(message); err != nil {
			return
		}
		message = samples
	}
}
