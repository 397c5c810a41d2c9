#!/usr/bin/env bash
# Runs every fuzz target of the project for the given time, e.g. scripts/fuzz.sh 5s.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzzing $package $target for $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s -parallel 2 "$package"
	done
done
