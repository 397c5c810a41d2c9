package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"foxhunt/contract"
	"foxhunt/jetstream"
	"foxhunt/model/grid"
	"foxhunt/model/registry"
)

// natsModels are the models in NATS's object store, as a source of the registry's.
type natsModels struct {
	conn     *jetstream.Conn
	topology jetstream.Topology
}

// Resolve finds a version, or the one that was pushed last where the reference names none.
func (s natsModels) Resolve(ctx context.Context, r registry.Ref) (registry.Artifact, error) {
	m, err := s.conn.FindModel(ctx, s.topology, r.Name, r.Version)
	if err != nil {
		return registry.Artifact{}, s.explain(err)
	}
	return registry.Artifact{Ref: r, Name: m.Name, Version: m.Version, Note: m.Note, Created: m.Pushed, Digest: m.Digest, Tag: m.Version + " " + m.Digest}, nil
}

// Fetch writes the model, and the contract that came with it, if one did.
func (s natsModels) Fetch(ctx context.Context, a registry.Artifact, dir string) (err error) {
	m, err := s.conn.FindModel(ctx, s.topology, a.Name, a.Version)
	if err != nil {
		return s.explain(err)
	}
	if len(m.Contract) > 0 {
		if err := os.WriteFile(filepath.Join(dir, contract.MetadataKey), m.Contract, 0o600); err != nil {
			return &registry.Error{Code: registry.StoreFailed, Reason: "the contract cannot be written: " + err.Error()}
		}
	}
	file, err := os.Create(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return &registry.Error{Code: registry.StoreFailed, Reason: "the model cannot be written: " + err.Error()}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return s.explain(s.conn.FetchModel(ctx, s.topology, m, file))
}

// explain turns what NATS says into the registry's words.
func (s natsModels) explain(err error) error {
	var e *jetstream.Error
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		return &registry.Error{Code: registry.StoreFailed, Reason: "the model cannot be written: " + err.Error()}
	case !errors.As(err, &e):
		return err
	}
	code := registry.BadAnswer
	switch {
	case e.Passing():
		code = registry.Away
	case e.Code == jetstream.CodeNoModel:
		code = registry.NoModel
	case e.Code == jetstream.CodeBadModel:
		code = registry.BadModel
	case e.Code == jetstream.CodeRefused:
		code = registry.Refused
	case e.Code == jetstream.CodeBadOption:
		code = registry.BadRef
	}
	return &registry.Error{Code: code, Reason: e.Reason}
}

// modelSources are where references are looked up: what is built in, files, NATS if there is a connection, and MLflow if o
// names a server.
func modelSources(conn *jetstream.Conn, topology jetstream.Topology, o registry.MLflowOptions) (registry.Sources, error) {
	sources := registry.Sources{
		registry.KindBuiltin: registry.Builtin{grid.Name: grid.File},
		registry.KindFile:    registry.Files{},
	}
	if conn != nil {
		sources[registry.KindNATS] = natsModels{conn, topology}
	}
	if o.TrackingURI != "" {
		mlflow, err := registry.NewMLflow(o)
		if err != nil {
			return nil, fmt.Errorf("MLflow: %w", err)
		}
		sources[registry.KindMLflow] = mlflow
	}
	return sources, nil
}
