package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"foxhunt/gateway"
	"foxhunt/messages"
	"foxhunt/tracing"
)

// gatewayOptions are the flags of the commands that serve the HTTP API.
type gatewayOptions struct {
	gateway.Options
	tracing    *tracing.Tracing // nil: none
	tokenFile  string
	sampleRate float64
	frequency  float64
	position   string
}

// register adds the flags, with prefix before their names.
func (o *gatewayOptions) register(flags *pflag.FlagSet, prefix string) {
	flags.DurationVar(&o.Deadline, prefix+"deadline", gateway.DefaultDeadline, "how long a request waits for its fix")
	flags.IntVar(&o.InFlight, prefix+"in-flight", gateway.DefaultInFlight, "captures that may wait for their fixes at once; more are refused with 429")
	flags.StringVar(&o.tokenFile, prefix+"token-file", "", "file with the token that requests must bear (default: none is needed)")
	flags.StringVar(&o.Defaults.Network, prefix+"network", "http", "network of requests that name none")
	flags.StringVar(&o.Defaults.Bundle, prefix+"bundle", "http", "source of captures of several receivers, and name of a receiver that has none")
	flags.Float64Var(&o.sampleRate, prefix+"sample-rate", 0, "sample rate in Hz of requests of one receiver that name none (default: they must)")
	flags.Float64Var(&o.frequency, prefix+"center-frequency", 0, "centre frequency in Hz of requests that name none (default: they must)")
	flags.StringVar(&o.position, prefix+"position", "", "where the receiver stands in requests of one that do not say, as LATITUDE,LONGITUDE (default: they must)")
}

// leastToken is the least length of a token: one that is shorter can be guessed.
const leastToken = 16

// settle turns the flags into the gateway's options.
func (o *gatewayOptions) settle() error {
	if err := errors.Join(messages.ValidateToken("network", o.Defaults.Network), messages.ValidateToken("bundle", o.Defaults.Bundle)); err != nil {
		return err
	}
	if _, err := messages.CaptureSubject(o.Defaults.Network, o.Defaults.Bundle); err != nil { // a reserved name
		return err
	}
	if o.Deadline <= 0 {
		return fmt.Errorf("deadline is %v; want more than 0", o.Deadline)
	}
	if o.InFlight < gateway.MaxBatch {
		return fmt.Errorf("in-flight is %d; want at least %d, a whole batch", o.InFlight, gateway.MaxBatch)
	}
	if o.sampleRate != 0 {
		o.Defaults.SampleRate = &o.sampleRate
	}
	if o.frequency != 0 {
		o.Defaults.CenterFrequency = &o.frequency
	}
	if err := o.settlePosition(); err != nil {
		return err
	}
	if o.tokenFile == "" {
		return nil
	}
	text, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return fmt.Errorf("token-file: %w", err)
	}
	if o.Token = strings.TrimSpace(string(text)); len(o.Token) < leastToken {
		return fmt.Errorf("token-file %s has a token of %d bytes; want at least %d, such as openssl rand -hex 32 prints", o.tokenFile, len(o.Token), leastToken)
	}
	return nil
}

func (o *gatewayOptions) settlePosition() error {
	if o.position == "" {
		return nil
	}
	lat, lon, _ := strings.Cut(o.position, ",")
	latitude, err1 := strconv.ParseFloat(strings.TrimSpace(lat), 64)
	longitude, err2 := strconv.ParseFloat(strings.TrimSpace(lon), 64)
	if err1 != nil || err2 != nil || !(latitude >= -90 && latitude <= 90) || !(longitude >= -180 && longitude <= 180) {
		return fmt.Errorf("position is %q; want degrees as LATITUDE,LONGITUDE, such as 45.07,7.69", o.position)
	}
	o.Defaults.Position = &messages.Position{Latitude: latitude, Longitude: longitude}
	return nil
}

// listenOptions say where and how a gateway of its own listens.
type listenOptions struct {
	address  string
	cert     string
	key      string
	clientCA string
}

func (l *listenOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&l.address, "http-listen", "127.0.0.1:8082", "address of the API, /metrics, /livez and /readyz")
	flags.StringVar(&l.cert, "http-cert", "", "PEM file of the server's certificate: HTTPS in place of HTTP")
	flags.StringVar(&l.key, "http-key", "", "PEM file of that certificate's key")
	flags.StringVar(&l.clientCA, "http-client-ca", "", "PEM file of the authorities whose certificates clients must show")
}

// listen opens the address, which must not be reachable from other machines by everybody.
func (l *listenOptions) listen(token bool, log *slog.Logger) (net.Listener, error) {
	config, err := l.tls()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		return nil, fmt.Errorf("http-listen: %w", err)
	}
	if !isLoopback(listener.Addr()) {
		switch {
		case !token && l.clientCA == "":
			listener.Close()
			return nil, fmt.Errorf("http-listen is %s, which other machines reach: give --token-file, or --http-client-ca with --http-cert and --http-key", l.address)
		case config == nil:
			log.Warn("the token goes over the network in the clear; give --http-cert and --http-key, or let a proxy do TLS")
		}
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// isLoopback says whether only this machine reaches an address.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// tls is nil where no certificate is given.
func (l *listenOptions) tls() (*tls.Config, error) {
	if l.cert == "" && l.key == "" && l.clientCA == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(l.cert, l.key)
	if err != nil {
		return nil, fmt.Errorf("http-cert %q with http-key %q: %w", l.cert, l.key, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if l.clientCA != "" {
		pem, err := os.ReadFile(l.clientCA)
		if err != nil {
			return nil, fmt.Errorf("http-client-ca: %w", err)
		}
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("http-client-ca %s holds no certificate", l.clientCA)
		}
	}
	return config, nil
}
