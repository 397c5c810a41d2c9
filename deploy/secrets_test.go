package deploy_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// makeSite is a copy of the folder's configuration in which secrets.sh has made what it makes.
func makeSite(t testing.TB) (folder string) {
	t.Helper()
	folder = t.TempDir()
	copySite(t, folder)
	runSecrets(t, folder)
	return folder
}

func copySite(t testing.TB, folder string) {
	t.Helper()
	for _, path := range []string{"deploy/nats", "deploy/docker", "deploy/prometheus", "deploy/secrets.sh"} {
		copyTo(t, folder, path)
	}
	for _, name := range []string{"nats-server.conf", "nats-cluster.conf"} {
		giveRoom(t, filepath.Join(folder, "deploy/nats", name))
	}
}

// giveRoom has a server go by a size of its own, as a site would, and not by what the test's machine has free.
func giveRoom(t testing.TB, path string) {
	t.Helper()
	const example = "# max_file_store: 40GB\n"
	text := readFile(t, path)
	if strings.Count(text, example) != 1 {
		t.Fatalf("%s does not show how max_file_store is set", path)
	}
	write(t, path, strings.Replace(text, example, example[2:], 1))
}

// copyTo copies a file or a folder of the project, without secrets that somebody made there.
func copyTo(t testing.TB, folder, path string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(project, path), func(from string, e fs.DirEntry, err error) error {
		to := filepath.Join(folder, strings.TrimPrefix(from, project))
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(to, 0o755)
		case strings.HasSuffix(from, ".nk") || e.Name() == "users.conf" || !e.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func runSecrets(t testing.TB, folder string) (out string) {
	t.Helper()
	need(t, "openssl", "apt-get install openssl")
	cmd := exec.Command(filepath.Join(folder, "deploy/secrets.sh"))
	cmd.Env = append(os.Environ(), "FOXHUNT="+programs(t).foxhunt, "SITE_NAMES=DNS:nats.example.org")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, text)
	}
	return string(text)
}

// TestSecretsOfAnotherUser runs the script in a site whose containers run as somebody else: root leaves them what they can read,
// and anybody else is told whose they are.
func TestSecretsOfAnotherUser(t *testing.T) {
	t.Parallel()
	site := t.TempDir()
	copySite(t, site)
	write(t, filepath.Join(site, ".env"), "NATS_LISTEN=0.0.0.0:4222\nSITE_USER=12345:23456\n")
	if os.Getuid() == 0 {
		runSecrets(t, site)
		info, err := os.Stat(filepath.Join(site, "deploy/secrets/worker.nk"))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 12345 || s.Gid != 23456 {
			t.Errorf("secrets are %d:%d's", s.Uid, s.Gid)
		}
	} else if out, err := exec.Command(filepath.Join(site, "deploy/secrets.sh")).CombinedOutput(); err == nil || !strings.Contains(string(out), "run this as that user") {
		t.Errorf("%v\n%s", err, out)
	}
	if env := readFile(t, filepath.Join(site, ".env")); strings.Count(env, "SITE_USER=") != 1 || !strings.Contains(env, "=12345:23456\n") {
		t.Errorf(".env is %q", env)
	}
	write(t, filepath.Join(site, ".env"), "SITE_USER=me\n")
	if out, err := exec.Command(filepath.Join(site, "deploy/secrets.sh")).CombinedOutput(); err == nil || !strings.Contains(string(out), "SITE_USER in .env is me") {
		t.Errorf("with a name: %v\n%s", err, out)
	}
}

// TestSecrets runs the script twice: what it makes can be read by its owner alone, and stays.
func TestSecrets(t *testing.T) {
	t.Parallel()
	site := makeSite(t)
	before := contents(t, filepath.Join(site, "deploy/secrets"))
	if len(before) < 15 {
		t.Errorf("only %d secrets were made", len(before))
	}
	if out := runSecrets(t, site); out != "" {
		t.Errorf("the second time: %s", out)
	}
	if after := contents(t, filepath.Join(site, "deploy/secrets")); !maps.Equal(before, after) {
		t.Error("secrets that were there have changed")
	}
	passwords := []string{before["gateway.token"], before["grafana.password"], before["redis.password"]}
	slices.Sort(passwords)
	if len(slices.Compact(passwords)) != 3 || len(passwords[0]) < 64 {
		t.Error("passwords are short, or alike")
	}
	if strings.Contains(before["redis.acl"], strings.TrimSpace(before["redis.password"])) {
		t.Error("Redis's users have the password in the clear")
	}
	if env := readFile(t, filepath.Join(site, ".env")); !regexp.MustCompile(`^SITE_USER=[1-9]\d*:\d+\n$`).MatchString(env) {
		t.Errorf(".env is %q", env)
	}
	ignored := readFile(t, "../.gitignore") + readFile(t, "../.dockerignore")
	for _, path := range []string{"/deploy/secrets/\n", "/.env\n", "\ndeploy/secrets\n", "\n.env\n"} {
		if !strings.Contains(ignored, path) {
			t.Errorf("%q is not ignored by git or by docker build", path)
		}
	}
}

// TestSecretsOfAnOlderSite has the script make a key that users.conf, from before there was such a role, does not know: it says so
// and leaves the file alone.
func TestSecretsOfAnOlderSite(t *testing.T) {
	t.Parallel()
	site := makeSite(t)
	users := filepath.Join(site, "deploy/secrets/users.conf")
	older := regexp.MustCompile(`(?m)^DISPATCHERS: .*\n`).ReplaceAllString(readFile(t, users), "")
	write(t, users, older)
	if err := os.Remove(filepath.Join(site, "deploy/secrets/dispatcher.nk")); err != nil {
		t.Fatal(err)
	}
	out := runSecrets(t, site)
	if !strings.Contains(out, "made dispatcher.nk") || !strings.Contains(out, "does not have the key of dispatcher.nk") || strings.Count(out, "does not have") != 1 {
		t.Errorf("it says %s", out)
	}
	if readFile(t, users) != older {
		t.Error("users.conf has changed")
	}
}

// contents are the files of a folder, which only its owner can read.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if !e.IsDir() {
			files[strings.TrimPrefix(path, folder+"/")] = readFile(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// madeSecrets are the files that secrets.sh says it makes, read from the script: running it takes longer.
func madeSecrets(t *testing.T) map[string]bool {
	t.Helper()
	text := readFile(t, "secrets.sh")
	made := map[string]bool{"tls/ca.pem": true, "tls/server.pem": true, "tls/server.key": true}
	names := regexp.MustCompile(`(?m)^keys="(.*)"$`).FindStringSubmatch(text)
	if names == nil {
		t.Fatal("secrets.sh makes no keys in the way that this test reads")
	}
	for _, name := range strings.Fields(names[1]) {
		made[name+".nk"] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^make (\S+) `).FindAllStringSubmatch(text, -1) {
		made[m[1]] = true
	}
	return made
}
