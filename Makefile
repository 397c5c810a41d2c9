# foxhunt: every command a person needs. `make help` lists them.
.DEFAULT_GOAL := build
SHELL := /bin/bash

RUNTIME := scripts/fetch-onnxruntime.sh
FUZZTIME ?= 5s
BENCHTIME ?= 1s
CHAOS ?= -chaos.captures 3000 -chaos.duration 20s

# The packages of Python that some tests check against; without them these are skipped.
PYTHON := .cache/python
export FOXHUNT_PYTHON ?= $(wildcard $(CURDIR)/$(PYTHON)/bin/python)

.PHONY: help run build onnxruntime python node test lint unit simd fuzz bench chaos

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: build ## locate simulated transmitters: everything in one process; Ctrl-C stops it
	bin/foxhunt up --demo --data-dir data

build: onnxruntime ## build bin/foxhunt
	go build -o bin/foxhunt ./cmd/foxhunt

onnxruntime: ## bring the pinned ONNX Runtime library into .cache
	@$(RUNTIME) >/dev/null

test: lint build simd unit fuzz ## everything that must pass: lint, both builds, tests under the race detector, short fuzzing

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

simd: ## build with Go's vector instructions, too
	GOEXPERIMENT=simd go build -o /dev/null ./cmd/foxhunt

python: ## bring the packages of Python for the tests into .cache/python
	python3 -m venv $(PYTHON)
	$(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r messages/testdata/requirements.txt \
		-r model/modeltest/requirements.txt -r gateway/testdata/requirements.txt -r examples/station/requirements.txt \
		-r model/registry/testdata/requirements.txt -r deploy/testdata/requirements.txt \
		-r station/testdata/requirements.txt

node: ## bring the packages of the examples in JavaScript
	npm ci --silent --prefix examples/dashboard
	npm ci --silent --prefix examples/asyncapi

unit: onnxruntime ## the tests, under the race detector
	@test -n "$$FOXHUNT_PYTHON" || echo "FOXHUNT_PYTHON names no interpreter: the tests that check against msgpack, onnx, SigMF and Schemathesis" \
		"are skipped where python3 lacks them; 'make python' brings them"
	go test -race -timeout 20m ./...

fuzz: onnxruntime ## each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

bench: onnxruntime ## the benchmarks behind the figures in the docs
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

chaos: onnxruntime ## kill, stop and fill up servers and workers at length; one ledger of every capture at the end
	go test ./chaos -count 1 -run TestChaos -parallel 1 -timeout 60m $(CHAOS)
