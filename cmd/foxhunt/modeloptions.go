package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/model/grid"
	"foxhunt/model/registry"
	"foxhunt/rollout"
	"foxhunt/serving"
)

// modelOptions are the flags about which models a worker serves, where it finds them and how it runs them.
type modelOptions struct {
	loading
	runtime string
	model   string
	ref     registry.Ref // of model
	rollout string
	folder  string
	poll    time.Duration
	mlflow  mlflowOptions
}

func (o *modelOptions) register(flags *pflag.FlagSet) {
	o.loading.register(flags)
	flags.StringVar(&o.runtime, "onnxruntime", "", "ONNX Runtime's shared library (default: what make brought into .cache)")
	flags.StringVar(&o.model, "model", grid.Name, "model that serves until one is promoted: grid (built in), a file, models:/NAME@ALIAS of MLflow, or nats:NAME")
	flags.StringVar(&o.rollout, "rollout-file", "", "file with the plan of which model serves (default: the fleet's, in NATS)")
	flags.StringVar(&o.folder, "models-dir", modelFolder(), "folder that keeps the models that were fetched; workers may share it")
	flags.DurationVar(&o.poll, "model-poll", serving.DefaultPoll, "how often to look whether a file, an alias or a name has come to mean another model")
	o.mlflow.register(flags)
}

// settle refuses what makes no sense.
func (o *modelOptions) settle() (err error) {
	if o.ref, err = registry.ParseRef(o.model); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if o.poll < 100*time.Millisecond {
		return fmt.Errorf("model-poll is %v; want at least 100ms", o.poll)
	}
	_, err = o.mlflow.options()
	return err
}

// plans is where the plan is: in NATS, or in a file for a single machine.
func (o *modelOptions) plans(conn *jetstream.Conn, t jetstream.Topology) *rollout.Store {
	if o.rollout != "" {
		return rollout.NewStore(rollout.FileEntry(o.rollout))
	}
	return rollout.NewStore(conn.RolloutEntry(t))
}

// modelFolder is the user's own folder for models that were fetched.
func modelFolder() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		folder = filepath.Join(os.TempDir(), fmt.Sprintf("foxhunt-%d", os.Getuid()))
	}
	return filepath.Join(folder, "foxhunt", "store")
}

// mlflowOptions say which MLflow server, over what MLflow's own environment variables say.
type mlflowOptions struct {
	uri, tokenFile, ca, cert, key string
}

func (o *mlflowOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.uri, "mlflow", "", "MLflow's tracking server, such as https://mlflow.example.org (default: MLFLOW_TRACKING_URI; MLflow's other variables count, too)")
	flags.StringVar(&o.tokenFile, "mlflow-token-file", "", "file with the token that the MLflow server asks for (default: MLFLOW_TRACKING_TOKEN)")
	flags.StringVar(&o.ca, "mlflow-ca", "", "PEM file of the authorities that may sign the MLflow server's certificate")
	flags.StringVar(&o.cert, "mlflow-cert", "", "PEM file of the client's certificate for the MLflow server")
	flags.StringVar(&o.key, "mlflow-key", "", "PEM file of that certificate's key")
}

func (o *mlflowOptions) options() (registry.MLflowOptions, error) {
	all := registry.MLflowFromEnvironment(os.LookupEnv)
	all.TrackingURI, all.CAFile = cmp.Or(o.uri, all.TrackingURI), cmp.Or(o.ca, all.CAFile)
	all.CertFile, all.KeyFile = cmp.Or(o.cert, all.CertFile), cmp.Or(o.key, all.KeyFile)
	if o.tokenFile != "" {
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return all, fmt.Errorf("mlflow-token-file: %w", err)
		}
		all.Token, all.Username, all.Password = strings.TrimSpace(string(text)), "", ""
	}
	return all, nil
}
