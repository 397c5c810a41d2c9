package deploy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"foxhunt/jetstream"
)

// The schemas that the manifests are held against: of Kubernetes 1.34, and of the operators whose objects they have. They are
// files in the modules of these projects, which nothing here is linked with.
const (
	kubernetesModule = "k8s.io/kubernetes@v1.34.2"
	kedaModule       = "github.com/kedacore/keda/v2@v2.21.0"
	operatorModule   = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// manifests is the checker of deploy/tools with its schemas, built once for all tests.
var manifests = sync.OnceValues(func() (command []string, err error) {
	dirs := map[string]string{}
	for _, module := range []string{kubernetesModule, kedaModule, operatorModule} {
		cmd := exec.Command("go", "mod", "download", "-json", module)
		cmd.Dir = "tools"
		out, err := cmd.Output()
		var m struct{ Dir string }
		if err != nil || json.Unmarshal(out, &m) != nil || m.Dir == "" {
			return nil, &exec.Error{Name: "go mod download " + module, Err: err}
		}
		dirs[module] = m.Dir
	}
	b, err := build() // makes the folder for programs
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(b.foxhunt), "manifests")
	cmd := exec.Command("go", "build", "-o", path, "./manifests")
	cmd.Dir = "tools"
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: "go build ./manifests: " + string(out), Err: err}
	}
	return []string{path, "--api", filepath.Join(dirs[kubernetesModule], "api/openapi-spec/v3"),
		"--crd", filepath.Join(dirs[kedaModule], "config/crd/bases/keda.sh_scaledobjects.yaml"),
		"--crd", filepath.Join(dirs[operatorModule], "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
		"--crd", filepath.Join(dirs[operatorModule], "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml")}, nil
})

// object is what these tests look at of an object.
type object struct {
	APIVersion string
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Data       map[string]string
	Spec       struct {
		Replicas *int
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		ScaleTargetRef struct{ Name string }
		Triggers       []struct {
			Type     string
			Metadata map[string]string
		}
	}
}

type pod struct {
	AutomountServiceAccountToken  *bool
	TerminationGracePeriodSeconds int
	SecurityContext               struct {
		RunAsNonRoot   bool
		RunAsUser      int
		SeccompProfile struct{ Type string }
	}
	TopologySpreadConstraints []struct{ TopologyKey string }
	Containers                []container
	Volumes                   []struct {
		Name   string
		Secret *struct{ SecretName string }
	}
}

type container struct {
	Name, Image    string
	Args           []string
	Env            []struct{ Name, Value string }
	Ports          []struct{ ContainerPort int }
	LivenessProbe  struct{ HTTPGet struct{ Path string } }
	ReadinessProbe struct{ HTTPGet struct{ Path string } }
	Resources      struct{ Requests, Limits map[string]any }
	VolumeMounts   []struct {
		Name, MountPath string
		ReadOnly        bool
	}
	SecurityContext struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
}

// checkManifests builds a folder and holds its objects against their schemas: the objects as JSON, and what was said of errors.
func checkManifests(t *testing.T, folder string) (objects, complaints string, err error) {
	t.Helper()
	command, err := manifests()
	if err != nil {
		t.Fatalf("the schemas and the checker need the Go module proxy: %v", err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(command[0], append(command[1:], folder)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func mustBuild(t *testing.T, folder string) map[string]object {
	t.Helper()
	text, complaints, err := checkManifests(t, folder)
	if err != nil {
		t.Fatalf("%s: %v\n%s", folder, err, complaints)
	}
	named := map[string]object{}
	for decoder := json.NewDecoder(strings.NewReader(text)); decoder.More(); {
		var o object
		if err := decoder.Decode(&o); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		named[o.Kind+"/"+o.Metadata.Name] = o
	}
	t.Logf("%s: %d objects are as their schemas want them", folder, len(named))
	return named
}

// TestManifests looks at the base: what may go wrong with a pod, and whether foxhunt has the flags that it is given.
func TestManifests(t *testing.T) {
	t.Parallel()
	objects := mustBuild(t, "kubernetes/base")
	config := objects["ConfigMap/"+configName(t, objects)].Data
	for _, name := range []string{"worker", "exporter", "gateway"} {
		deployment, found := objects["Deployment/foxhunt-"+name]
		if _, budget := objects["PodDisruptionBudget/foxhunt-"+name]; !found || !budget || deployment.Spec.Replicas == nil || *deployment.Spec.Replicas < 2 {
			t.Errorf("%s: %+v", name, deployment)
			continue
		}
		p := deployment.Spec.Template.Spec
		checkPod(t, name, p)
		c := p.Containers[0]
		environment := map[string]string{}
		for _, e := range c.Env {
			environment[e.Name] = e.Value
		}
		checkCommand(t, "kubernetes: "+name, c.Args, environment)
		checkCommand(t, "kubernetes: ConfigMap for "+name, c.Args, config)
		checkSecrets(t, name, p, append(c.Args, config["FOXHUNT_NATS_CA"]))
	}
	worker := objects["Deployment/foxhunt-worker"].Spec.Template.Spec
	topology := jetstream.DefaultTopology()
	if grace := time.Duration(worker.TerminationGracePeriodSeconds) * time.Second; grace <= topology.Workers.AckWait {
		t.Errorf("a worker has %v to end, and AckWait is %v", grace, topology.Workers.AckWait)
	}
	for _, o := range objects {
		if o.Kind == "Secret" {
			t.Errorf("secret %s is in the manifests", o.Metadata.Name)
		}
		if o.Kind != "Namespace" && o.Metadata.Namespace != "foxhunt" {
			t.Errorf("%s %s is in namespace %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
		}
	}
	if _, found := objects["NetworkPolicy/default-deny"]; !found {
		t.Error("there is no policy that denies what is not allowed")
	}
}

func configName(t *testing.T, objects map[string]object) string {
	t.Helper()
	for _, o := range objects {
		if o.Kind == "ConfigMap" {
			return o.Metadata.Name
		}
	}
	t.Fatal("there is no ConfigMap")
	return ""
}

func checkPod(t *testing.T, name string, p pod) {
	t.Helper()
	if s := p.SecurityContext; !s.RunAsNonRoot || s.RunAsUser != 65532 || s.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%s: security %+v", name, s)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken || len(p.TopologySpreadConstraints) == 0 || len(p.Containers) != 1 {
		t.Errorf("%s: token %v, spread %v, %d containers", name, p.AutomountServiceAccountToken, p.TopologySpreadConstraints, len(p.Containers))
	}
	c := p.Containers[0]
	if s := c.SecurityContext; !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("%s: container's security %+v", name, s)
	}
	if c.LivenessProbe.HTTPGet.Path != "/livez" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Errorf("%s: probes %+v %+v", name, c.LivenessProbe, c.ReadinessProbe)
	}
	for _, resource := range []string{"cpu", "memory"} {
		if c.Resources.Requests[resource] == nil || c.Resources.Limits[resource] == nil {
			t.Errorf("%s: no request or limit of %s", name, resource)
		}
	}
	_, port, _ := strings.Cut(flagValue(c.Args, "http-listen"), ":")
	if len(c.Ports) != 1 || port != strconv.Itoa(c.Ports[0].ContainerPort) {
		t.Errorf("%s: listens on %q, and its port is %v", name, port, c.Ports)
	}
}

// checkSecrets holds the files that a command names against the secrets that are mounted.
func checkSecrets(t *testing.T, name string, p pod, words []string) {
	t.Helper()
	secrets := map[string]string{}
	for _, v := range p.Volumes {
		if v.Secret != nil {
			secrets[v.Name] = v.Secret.SecretName
		}
	}
	mounted := map[string]string{}
	for _, m := range p.Containers[0].VolumeMounts {
		if secrets[m.Name] != "" {
			mounted[m.MountPath] = secrets[m.Name]
			if !m.ReadOnly {
				t.Errorf("%s: secret %s can be written", name, m.Name)
			}
		}
	}
	guide := readFile(t, "../docs/deployment.md")
	for _, word := range words {
		_, path, isFile := strings.Cut(word, "/run/secrets/")
		if !isFile {
			continue
		}
		path = "/run/secrets/" + path
		secret := mounted[filepath.Dir(path)]
		if secret == "" {
			t.Errorf("%s: %s is in no secret", name, path)
		} else if !strings.Contains(guide, "secret generic "+secret+" ") || !strings.Contains(guide, filepath.Base(path)) {
			t.Errorf("%s: docs/deployment.md does not make secret %s with %s", name, secret, filepath.Base(path))
		}
	}
}

// TestAutoscaling looks at both ways to scale, of which a site has one.
func TestAutoscaling(t *testing.T) {
	t.Parallel()
	topology := jetstream.DefaultTopology()
	byNATS := t.TempDir()
	base, err := filepath.Rel(byNATS, mustAbs(t, "kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(byNATS, "kustomization.yaml"),
		"resources: ["+base+"/base]\ncomponents: ["+base+"/components/monitoring, "+base+"/components/keda-nats]\nnamespace: foxhunt\n")
	for folder, want := range map[string][]map[string]string{
		"kubernetes/overlays/site": {
			{"query": "sum(foxhunt_consumer_pending_captures)", "threshold": "500"},
			// What arrives, as workers that keep up have no lag: without it they would be taken away until they do not.
			{"query": "sum(rate(foxhunt_stream_arrived_captures_total[2m]))", "threshold": "300"},
		},
		byNATS: {{"account": "FOXHUNT", "stream": topology.Captures.Name, "consumer": topology.Workers.Durable}},
	} {
		objects := mustBuild(t, folder)
		scaled := objects["ScaledObject/foxhunt-worker"]
		target := objects["Deployment/"+scaled.Spec.ScaleTargetRef.Name]
		if len(scaled.Spec.Triggers) != len(want) || target.Kind == "" || target.Spec.Replicas != nil {
			t.Errorf("%s: %+v scales %s, whose manifest says %v replicas", folder, scaled.Spec.Triggers, target.Metadata.Name, target.Spec.Replicas)
			continue
		}
		for i, trigger := range want {
			for key, value := range trigger {
				if have := scaled.Spec.Triggers[i].Metadata[key]; have != value {
					t.Errorf("%s: %s is %q; want %q", folder, key, have, value)
				}
			}
		}
		if _, found := objects["ServiceMonitor/foxhunt"]; !found {
			t.Errorf("%s has no ServiceMonitor", folder)
		}
		if _, found := objects["PrometheusRule/foxhunt"]; !found {
			t.Errorf("%s has no alerts", folder)
		}
	}
	for _, metric := range []string{"foxhunt_consumer_pending_captures", "foxhunt_stream_arrived_captures_total"} {
		if !strings.Contains(readFile(t, "../docs/metrics.md"), "`"+metric+"`") {
			t.Errorf("there is no %s any more", metric)
		}
	}
	if !strings.Contains(readFile(t, "nats/accounts.conf"), "\n  FOXHUNT {") {
		t.Error("the account is no longer called so")
	}
}

const monitoring = "kubernetes/components/monitoring/"

// TestRules holds the alerts of a cluster against those of deploy/prometheus, which are tested there: the same text, and all of it.
func TestRules(t *testing.T) {
	t.Parallel()
	made, err := exec.Command("sh", monitoring+"rules.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("rules.sh: %v\n%s", err, made)
	}
	if have := readFile(t, monitoring+"rules.yaml"); have != string(made) {
		t.Errorf("deploy/prometheus/rules have changed; run deploy/%[1]srules.sh >deploy/%[1]srules.yaml", monitoring)
	}
	var object struct{ Spec struct{ Groups []any } }
	if err := yaml.Unmarshal(made, &object); err != nil {
		t.Fatal(err)
	}
	var want []any
	paths, err := filepath.Glob("prometheus/rules/*.yml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d files of rules, %v", len(paths), err)
	}
	for _, path := range paths {
		var file struct{ Groups []any }
		if err := yaml.Unmarshal([]byte(readFile(t, path)), &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		want = append(want, file.Groups...)
	}
	if len(want) < 5 || !reflect.DeepEqual(object.Spec.Groups, want) {
		t.Errorf("rules.sh prints %d groups of rules that are not the %d of deploy/prometheus", len(object.Spec.Groups), len(want))
	}
}

// TestGuide expects docs/deployment.md to name what overlays/site needs of a cluster, and the namespace before the secrets in it.
func TestGuide(t *testing.T) {
	t.Parallel()
	guide := readFile(t, "../docs/deployment.md")
	for key, o := range mustBuild(t, "kubernetes/overlays/site") {
		if custom := strings.Contains(o.APIVersion, ".com/") || strings.Contains(o.APIVersion, "keda.sh/"); custom && !strings.Contains(guide, "`"+o.Kind+"`") {
			t.Errorf("docs/deployment.md does not say that %s needs an operator", key)
		}
	}
	namespace, secrets := strings.Index(guide, "kubectl apply --filename deploy/kubernetes/base/namespace.yaml"), strings.Index(guide, "kubectl -n foxhunt create secret")
	if namespace < 0 || secrets < namespace {
		t.Errorf("the namespace is made at %d, and secrets in it at %d", namespace, secrets)
	}
}

// TestTracesComponent builds a site that sends traces, which the base's policies forbid.
func TestTracesComponent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	base, err := filepath.Rel(folder, mustAbs(t, "kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "kustomization.yaml"), "resources: ["+base+"/base]\ncomponents: ["+base+"/components/egress-otlp]\nnamespace: foxhunt\n")
	objects := mustBuild(t, folder)
	for _, name := range []string{"worker", "gateway"} {
		args := objects["Deployment/foxhunt-"+name].Spec.Template.Spec.Containers[0].Args
		checkCommand(t, "kubernetes: "+name, args, nil)
		if flagValue(args, "traces") == "" {
			t.Errorf("%s sends no traces: %v", name, args)
		}
	}
	if _, found := objects["NetworkPolicy/traces"]; !found {
		t.Error("no policy lets traces out")
	}
	if args := objects["Deployment/foxhunt-exporter"].Spec.Template.Spec.Containers[0].Args; flagValue(args, "traces") != "" {
		t.Errorf("the exporter has no traces to send: %v", args)
	}
}

// TestManifestsAreChecked has the checker refuse what the API server would.
func TestManifestsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"an unknown field": {"readinessProbe:", "readynessProbe:"},
		"a wrong type":     {"containerPort: 8080", "containerPort: http"},
		"a missing field":  {"  selector:\n    matchLabels: {app.kubernetes.io/name: foxhunt-worker}\n  strategy", "  strategy"},
		"an unknown kind":  {"kind: PodDisruptionBudget", "kind: PodDisruptionBudgets"},
	} {
		folder := t.TempDir()
		for _, file := range []string{"kustomization.yaml", "namespace.yaml", "worker.yaml", "exporter.yaml", "gateway.yaml", "network.yaml"} {
			text := readFile(t, filepath.Join("kubernetes/base", file))
			if file == "worker.yaml" {
				if changed := strings.Replace(text, change[0], change[1], 1); changed == text {
					t.Errorf("%s: worker.yaml has no %q", name, change[0])
				} else {
					text = changed
				}
			}
			write(t, filepath.Join(folder, file), text)
		}
		if _, complaints, err := checkManifests(t, folder); err == nil || !strings.Contains(complaints, "foxhunt-worker") {
			t.Errorf("%s is accepted: %v\n%s", name, err, complaints)
		}
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
