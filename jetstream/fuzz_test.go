package jetstream_test

import (
	"net/url"
	"strings"
	"testing"

	"foxhunt/jetstream"
)

// FuzzRedactURL looks for a password that survives.
func FuzzRedactURL(f *testing.F) {
	f.Add("fox", "secret-of-mine", "127.0.0.1:4222")
	f.Add("", "p@ss/word,with:all", "a,b")
	f.Add("://", "@@@@@", "")
	f.Fuzz(func(t *testing.T, user, password, host string) {
		secret := url.QueryEscape(password)
		if len(secret) < 5 || strings.Contains("nats://xxx@"+host, secret) {
			return // too short to tell from other text
		}
		list := "nats://" + url.QueryEscape(user) + ":" + secret + "@" + host + ",nats://b:4222"
		if got := jetstream.RedactURL(list); strings.Contains(got, secret) {
			t.Errorf("RedactURL(%q) = %q", list, got)
		}
	})
}
