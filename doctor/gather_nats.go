package doctor

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"foxhunt/jetstream"
)

// Bounds of what a server may send and of how long it may take.
const (
	answerTime = 5 * time.Second
	maxHello   = 64 << 10
	maxVarz    = 4 << 20
)

// gatherNATS looks at the server first as a stranger, then with credentials.
func gatherNATS(ctx context.Context, o Options, f *Facts) {
	f.Hello = fact(greet(ctx, o.NATS.URL))
	conn, err := connect(ctx, o, f.Hello.Err)
	if err != nil {
		f.Trip.Err = err
		unseen(f, err)
		f.Varz, f.Unasked = gatherVarz(ctx, o.Monitors, nil)
		return
	}
	defer conn.Close()
	f.Trip = fact(conn.RoundTrip(ctx))
	if !f.Hello.seen() { // such as over a websocket
		f.Hello = Fact[Hello]{Value: helloOf(conn)}
	}
	f.Varz, f.Unasked = gatherVarz(ctx, o.Monitors, conn)
	f.Account = fact(conn.Account(ctx))
	gatherFlow(ctx, conn, o, f)
	f.Fixes = fact(gatherFixes(ctx, conn, f))
	f.Letters = fact(gatherLetters(ctx, conn, f))
	f.Waiting = fact(gatherWaiting(ctx, conn, f))
	f.Plan = fact(gatherPlan(ctx, conn, o.Topology))
}

// unseen says of everything that needs a connection why it could not be seen.
func unseen(f *Facts, err error) {
	f.Account.Err, f.Inventory.Err, f.Readings.Err, f.Fixes.Err, f.Letters.Err, f.Waiting.Err, f.Plan.Err = err, err, err, err, err, err, err
}

// errNoGreeting is the error of what greets nobody and may be a NATS server all the same.
var errNoGreeting = errors.New("a websocket begins with no greeting")

// connect gives up after a few seconds, and at once where what listens is no NATS server, or nobody does.
func connect(ctx context.Context, o Options, greeting error) (*jetstream.Conn, error) {
	if greeting != nil && !errors.Is(greeting, errNoGreeting) {
		return nil, greeting
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	o.NATS.Log = slog.New(slog.DiscardHandler) // what fails is a finding
	return jetstream.Connect(ctx, o.NATS)
}

// greet reads the line with which a NATS server greets whoever connects, from the first of the URLs that gives one.
func greet(ctx context.Context, list string) (hello Hello, err error) {
	for one := range strings.SplitSeq(list, ",") {
		if hello, err = greetOne(ctx, strings.TrimSpace(one)); err == nil {
			return hello, nil
		}
	}
	return hello, fmt.Errorf("no NATS server greets at %s: %w", jetstream.RedactURL(list), err)
}

func greetOne(ctx context.Context, address string) (hello Hello, err error) {
	if !strings.Contains(address, "://") {
		address = "nats://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return hello, errors.New("the URL cannot be read; want for example nats://127.0.0.1:4222")
	}
	if strings.HasPrefix(u.Scheme, "ws") {
		return hello, errNoGreeting
	}
	dialer := net.Dialer{Timeout: answerTime}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "4222")))
	if err != nil {
		return hello, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(answerTime))
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })()
	line, err := bufio.NewReader(io.LimitReader(conn, maxHello)).ReadString('\n')
	if err != nil {
		return hello, fmt.Errorf("it takes connections and says nothing: %w", err)
	}
	body, ok := strings.CutPrefix(line, "INFO ")
	if !ok || json.Unmarshal([]byte(body), &hello) != nil {
		return hello, fmt.Errorf("what listens there is no NATS server: it says %.60q", line)
	}
	if hello.JetStream == nil { // a server leaves out what is off
		hello.JetStream = new(bool)
	}
	return hello, nil
}

// helloOf is what a connection knows of its server's greeting. Where it listens is not told: it is taken for everywhere.
func helloOf(conn *jetstream.Conn) Hello {
	s := conn.ServerInfo()
	return Hello{Version: s.Version, Name: s.Name, MaxPayload: s.MaxPayload, AuthRequired: s.AuthRequired,
		TLSRequired: s.TLS, Cluster: s.Cluster}
}

// gatherVarz asks the monitoring ports or, where none is named, the system account, which few users may. Ports that tell
// nothing where others do are unasked.
func gatherVarz(ctx context.Context, monitors []string, conn *jetstream.Conn) (f Fact[[]Varz], unasked []error) {
	if len(monitors) == 0 {
		return askServers(ctx, conn), nil
	}
	for _, monitor := range monitors {
		varz, err := askMonitor(ctx, monitor)
		if err != nil {
			unasked = append(unasked, err)
			continue
		}
		f.Value = append(f.Value, varz)
	}
	if len(f.Value) == 0 {
		f.Err = unasked[0]
	}
	return f, unasked
}

func askServers(ctx context.Context, conn *jetstream.Conn) (f Fact[[]Varz]) {
	if conn == nil {
		f.Err = notAsked("no monitoring port was named")
		return f
	}
	start := time.Now()
	answers, err := conn.Servers(ctx)
	if err != nil {
		f.Err = notAsked("no monitoring port was named, and this user may not ask the system account")
		return f
	}
	took := time.Since(start)
	for _, answer := range answers {
		varz := Varz{Asked: start.Add(took / 2), Took: took}
		if err := json.Unmarshal(answer, &varz); err != nil {
			f.Err = fmt.Errorf("a server's variables cannot be read: %w", err)
			return f
		}
		f.Value = append(f.Value, varz)
	}
	return f
}

// errSilent is the error of a monitoring port that cannot be reached.
var errSilent = errors.New("the monitoring port does not answer")

func askMonitor(ctx context.Context, base string) (varz Varz, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/varz", nil)
	if err != nil {
		return varz, errors.New("the monitoring port's URL cannot be read; want for example http://127.0.0.1:8222")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return varz, fmt.Errorf("%w: %w", errSilent, err)
	}
	defer response.Body.Close()
	varz.Took = time.Since(start)
	varz.Asked = start.Add(varz.Took / 2)
	if response.StatusCode != http.StatusOK {
		return varz, fmt.Errorf("the monitoring port answers %s", response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxVarz)).Decode(&varz); err != nil || varz.Version == "" {
		return varz, errors.New("what answers there is no NATS monitoring port")
	}
	return varz, nil
}
