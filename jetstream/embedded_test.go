package jetstream_test

import (
	"strings"
	"testing"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func TestEmbeddedInProcessWithoutPort(t *testing.T) {
	t.Parallel()
	e, err := jetstream.StartEmbedded(jetstream.EmbeddedOptions{StoreDir: t.TempDir(), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Shutdown()
	if e.ClientURL() != "" {
		t.Errorf("a server without a port has the URL %s", e.ClientURL())
	}
	c := connect(t, jetstream.Options{Embedded: e})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	stored, err := c.PublishCapture(t.Context(), "captures.net.a", "id", []byte("x"))
	if err != nil || stored.Sequence != 1 || stored.Stream != jetstream.StreamCaptures {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

func TestEmbeddedFolderIsTakenOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{StoreDir: dir})
	_, err := jetstream.StartEmbedded(jetstream.EmbeddedOptions{StoreDir: dir, Log: quiet()})
	if code(err) != jetstream.CodeBadOption || !strings.Contains(err.Error(), "another foxhunt") {
		t.Errorf("a second server on one folder: %v", err)
	}
}

func TestEmbeddedRefusesBadOptions(t *testing.T) {
	t.Parallel()
	busy := jetstreamtest.Start(t)
	for name, o := range map[string]jetstream.EmbeddedOptions{
		"no folder":      {Listen: "127.0.0.1:0"},
		"no port":        {StoreDir: t.TempDir(), Listen: "127.0.0.1"},
		"port no number": {StoreDir: t.TempDir(), Listen: "127.0.0.1:x"},
		"port too large": {StoreDir: t.TempDir(), Listen: "127.0.0.1:70000"},
		"folder a file":  {StoreDir: "/dev/null/x", Listen: "127.0.0.1:0"},
	} {
		o.Log = quiet()
		if _, err := jetstream.StartEmbedded(o); code(err) != jetstream.CodeBadOption {
			t.Errorf("%s: %v, want %s", name, err, jetstream.CodeBadOption)
		}
	}
	taken := strings.TrimPrefix(busy.ClientURL(), "nats://")
	_, err := jetstream.StartEmbedded(jetstream.EmbeddedOptions{StoreDir: t.TempDir(), Listen: taken, Log: quiet()})
	if code(err) != jetstream.CodeServer || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port in use: %v", err)
	}
}

func TestEmbeddedListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{"0.0.0.0:0": false, "[::]:0": false, "192.0.2.1:0": false, ":0": true, "localhost:0": true, "127.0.0.2:0": true, "": true} {
		e, err := jetstream.StartEmbedded(jetstream.EmbeddedOptions{StoreDir: t.TempDir(), Listen: listen, Log: quiet()})
		if want && err != nil || !want && (code(err) != jetstream.CodeBadOption || !strings.Contains(err.Error(), "deploy/nats")) {
			t.Errorf("listening on %q: %v", listen, err)
		}
		if err == nil {
			e.Shutdown()
			e.Shutdown() // twice is fine
		}
	}
}
