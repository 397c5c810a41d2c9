#!/bin/sh
# Brings the pinned ONNX Runtime shared library into the project's cache
# folder and prints its path. Does nothing but print when the file is there
# and its SHA-256 digest is right.
#
#   linux/amd64                 the npm package onnxruntime-node
#   linux/arm64, darwin/arm64   files of the Go module onnxruntime_go
#
# model/find.go looks for the same version at the same place.
set -eu

version=1.24.1
npm_package=onnxruntime-node@$version
go_module=github.com/yalue/onnxruntime_go

fail() {
	echo "fetch-onnxruntime: $*" >&2
	exit 1
}

digest_of() {
	if command -v sha256sum >/dev/null 2>&1; then
		sha256sum "$1" | cut -d ' ' -f 1
	elif command -v shasum >/dev/null 2>&1; then
		shasum -a 256 "$1" | cut -d ' ' -f 1
	else
		fail "neither sha256sum nor shasum is installed; one is needed to check the library"
	fi
}

# from_npm MEMBER FILE: takes one member out of the npm package.
from_npm() {
	command -v npm >/dev/null 2>&1 ||
		fail "npm is not installed; install Node.js, or name a library with --onnxruntime PATH or FOXHUNT_ONNXRUNTIME"
	echo "fetch-onnxruntime: taking ONNX Runtime $version out of $npm_package (86 MB, once)" >&2
	(cd "$work" && npm pack --silent "$npm_package" >/dev/null) ||
		fail "npm could not fetch $npm_package; is the network there? (try: npm pack $npm_package)"
	tar -xzOf "$work"/onnxruntime-node-*.tgz "package/$1" >"$2" ||
		fail "$npm_package does not hold $1"
}

# from_module MEMBER FILE: takes one file out of the Go module.
from_module() {
	(cd "$root" && go mod download "$go_module") ||
		fail "go could not download $go_module"
	dir=$(cd "$root" && go list -m -f '{{.Dir}}' "$go_module")
	cat "$dir/$1" >"$2" || fail "$go_module does not hold $1"
}

command -v go >/dev/null 2>&1 || fail "go is not installed"
root=$(cd "$(dirname "$0")/.." && pwd)
platform=$(go env GOOS)-$(go env GOARCH)
name=libonnxruntime.so
case $platform in
linux-amd64)
	source=from_npm
	member=bin/napi-v6/linux/x64/libonnxruntime.so.1
	digest=53ef1ac028dd1b05554b8da28d9159eb3876f99868193d2aaa6e67f0243c23d4
	;;
linux-arm64)
	source=from_module
	member=test_data/onnxruntime_arm64.so
	digest=7954e8bdedb497f830c6a679e818d98399b7f4d81ade1126c3e0be74d28111ab
	;;
darwin-arm64)
	source=from_module
	name=libonnxruntime.dylib
	member=test_data/onnxruntime_arm64.dylib
	digest=9626bbdd201fbed7e3addcbd9fc7e97ec4954c03afcf40a9883af50498bffb06
	;;
*)
	fail "no ONNX Runtime is pinned for $platform; install version $version or later and name its library with --onnxruntime PATH or FOXHUNT_ONNXRUNTIME"
	;;
esac

folder=$root/.cache/onnxruntime/$version/$platform
library=$folder/$name
if [ ! -f "$library" ] || [ "$(digest_of "$library")" != "$digest" ]; then
	mkdir -p "$folder"
	# The work folder lies in the cache so that the final mv is a rename:
	# another process sees the whole library or none.
	work=$(mktemp -d "$folder/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	$source "$member" "$work/$name"
	got=$(digest_of "$work/$name")
	[ "$got" = "$digest" ] ||
		fail "$member has SHA-256 $got, not the pinned $digest; it is not used"
	chmod 755 "$work/$name"
	mv "$work/$name" "$library"
fi
echo "$library"
