package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

// TestNKey makes a key, and expects that it is the one of the public key printed, for its owner's eyes only.
func TestNKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "station.nk")
	public := strings.TrimSuffix(must(t, "nkey", path), "\n")
	if !nkeys.IsValidPublicUserKey(public) {
		t.Fatalf("nkey prints %q, which is no user's public key", public)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if own, err := pair.PublicKey(); err != nil || own != public || !bytes.Contains(text, []byte(public)) {
		t.Errorf("the file's key is %s (%v), printed was %s", own, err, public)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the file's mode is %o", mode)
	}
	out, err := command(t.Context(), "nkey", path)
	if err == nil || !strings.Contains(err.Error(), "is there already") || out != "" {
		t.Errorf("a second key in the same file: %q, %v", out, err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the first key was touched (%v)", err)
	}
	if _, err := command(t.Context(), "nkey", "/absent/station.nk"); err == nil {
		t.Error("a key in a folder that is not there")
	}
}

// TestCredentials expects of every command that connects that it takes every kind of credentials.
func TestCredentials(t *testing.T) {
	connecting := 0
	for _, c := range commands(newRoot()) {
		if c.Flags().Lookup("nats") == nil {
			continue
		}
		connecting++
		for _, flag := range []string{"nats-creds", "nats-nkey", "nats-ca", "nats-cert", "nats-key", "nats-inbox"} {
			if c.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s", c.CommandPath(), flag)
			}
		}
	}
	if connecting < 8 {
		t.Errorf("only %d commands connect", connecting)
	}
}
