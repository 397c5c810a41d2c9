package doctor

import (
	"errors"
	"net"
	"time"

	"foxhunt/jetstream"
)

// slowTrip is a way to the server and back at which prefetch still hides the network, but a person should know.
const slowTrip = 250 * time.Millisecond

func checkReach(f *Facts) []Finding { return append([]Finding{judgeReach(f)}, checkOthers(f)...) }

// checkOthers finds servers of the cluster that are down. Of a single server a port that does not answer is no more than a
// wrong URL.
func checkOthers(f *Facts) (all []Finding) {
	for _, err := range f.Unasked {
		if f.Hello.Value.Cluster != "" && f.Varz.seen() && errors.Is(err, errSilent) {
			all = append(all, finding("nats_reach", Warning, "a server of the cluster does not answer: %v", err).
				mend("start that server, or give --nats-monitor the URL of its monitoring port"))
		}
	}
	return all
}

func judgeReach(f *Facts) Finding {
	const code = "nats_reach"
	var e *jetstream.Error
	switch {
	case !f.Hello.seen() && !f.Trip.seen():
		return finding(code, Error, "%v", f.Hello.Err)
	case errors.As(f.Trip.Err, &e) && e.Code == jetstream.CodeNotAuthorized:
		return finding(code, Error, "%v", e).mend("give a user's credentials with --nats-creds, --nats-nkey, or --nats-cert and --nats-key")
	case !f.Trip.seen():
		return finding(code, Error, "%v", f.Trip.Err)
	case f.Trip.Value > slowTrip:
		return finding(code, Info, "the server answers after %v", f.Trip.Value.Round(time.Millisecond)).mend("run workers nearer to the server")
	}
	return finding(code, OK, "the server answers after %v", f.Trip.Value.Round(10*time.Microsecond))
}

func checkJetStream(f *Facts) []Finding {
	const code = "nats_jetstream"
	var e *jetstream.Error
	switch {
	case f.Account.seen():
		a := f.Account.Value
		return []Finding{finding(code, OK, "JetStream is on: %d streams, %d consumers, %s on disk", a.Streams, a.Consumers, size(a.Store))}
	case errors.As(f.Account.Err, &e) && e.Code == jetstream.CodeRefused:
		return []Finding{unknown(code, e, "allow this user to publish $JS.API.INFO")}
	case f.Hello.Value.Cluster == "" && f.Hello.Value.JetStream != nil && !*f.Hello.Value.JetStream:
		return []Finding{finding(code, Error, "JetStream is switched off on this server").
			mend("start it with nats-server -js -sd /var/lib/nats, or nats-server.conf: jetstream { store_dir: /var/lib/nats }")}
	case errors.As(f.Account.Err, &e) && e.Code == jetstream.CodeBadSetup:
		return []Finding{finding(code, Error, "%v", e)}
	case f.Hello.Value.Cluster == "":
		return []Finding{finding(code, Error, "JetStream does not answer: %v", f.Account.Err).
			mend("see the server's log: JetStream switches itself off when it cannot write to its disk; then make room, and start it again")}
	}
	return []Finding{finding(code, Error, "JetStream does not answer: %v", f.Account.Err).
		mend("start the servers of the cluster that are down: a majority must be up; nats server report jetstream shows them")}
}

func checkPayload(f *Facts) []Finding {
	const code = "nats_max_payload"
	if most := f.Hello.Value.MaxPayload; most < jetstream.MaxPayload {
		return []Finding{finding(code, Warning, "max_payload is %d bytes: larger captures are refused; want %d", most, jetstream.MaxPayload)}
	}
	return []Finding{finding(code, OK, "max_payload is %d bytes", f.Hello.Value.MaxPayload)}
}

func checkTLS(f *Facts) []Finding {
	const code = "nats_tls"
	switch h := f.Hello.Value; {
	case h.TLSRequired:
		return []Finding{finding(code, OK, "connections are encrypted")}
	case isExposed(h.Host):
		return []Finding{finding(code, Warning, "the server listens on %s without TLS", listens(h.Host))}
	default:
		return []Finding{finding(code, OK, "without TLS, but on %s only", h.Host)}
	}
}

func checkAuth(f *Facts) []Finding {
	const code = "nats_auth"
	switch h := f.Hello.Value; {
	case h.AuthRequired:
		return []Finding{finding(code, OK, "the server asks for credentials")}
	case isExposed(h.Host):
		return []Finding{finding(code, Error, "the server listens on %s and asks nobody for credentials", listens(h.Host))}
	default:
		return []Finding{finding(code, OK, "without credentials, but on %s only", h.Host)}
	}
}

// isExposed says whether others than this machine reach a server that listens on host.
func isExposed(host string) bool {
	if host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

func listens(host string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "every interface"
	}
	return host
}
