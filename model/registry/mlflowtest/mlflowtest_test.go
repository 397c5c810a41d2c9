package mlflowtest_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"foxhunt/model/registry/mlflowtest"
)

// child has TestChild, in a process of its own, start a server.
const child = "FOXHUNT_TEST_MLFLOW"

func TestChild(t *testing.T) {
	if os.Getenv(child) == "" {
		return
	}
	server := mlflowtest.Start(t)
	fmt.Println("url", server.URL)
	select {} // until it is killed
}

func command(environment ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	c.Env = append(os.Environ(), append(environment, child+"=yes")...)
	return c
}

func TestWithoutMLflowSkipsHereAndFailsInCI(t *testing.T) {
	t.Parallel()
	for ci, want := range map[string]string{"": "--- SKIP", "true": "--- FAIL"} {
		output, err := command("FOXHUNT_PYTHON=/absent/python", "CI="+ci).CombinedOutput()
		if (err != nil) != (ci == "true") || !strings.Contains(string(output), want) || !strings.Contains(string(output), "make python") {
			t.Errorf("with CI=%q: %v\n%s; want %s that says make python", ci, err, output, want)
		}
	}
}

// TestNothingIsLeftBehind kills a test's process, after which its server has to end by itself.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	c := command()
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	var text strings.Builder
	url := ""
	for scanner := bufio.NewScanner(output); url == "" && scanner.Scan(); {
		fmt.Fprintln(&text, scanner.Text())
		url, _ = strings.CutPrefix(scanner.Text(), "url ")
		if !strings.HasPrefix(url, "http") {
			url = ""
		}
	}
	if url == "" {
		if strings.Contains(text.String(), "--- SKIP") {
			t.Skip(text.String())
		}
		t.Fatalf("no server is started:\n%s", text.String())
	}
	if !healthy(url) {
		t.Error("the server is not healthy after Start")
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	for until := time.Now().Add(time.Minute); healthy(url); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the server outlives its test")
		}
	}
}

func healthy(url string) bool {
	answer, err := http.Get(url + "/health")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
