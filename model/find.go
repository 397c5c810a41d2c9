package model

import (
	"os"
	"path/filepath"
	"runtime"
)

// RuntimeVersion is the version of ONNX Runtime that scripts/fetch-onnxruntime.sh brings.
const RuntimeVersion = "1.24.1"

// FindRuntime gives the absolute path of the ONNX Runtime library: the one named explicitly if that is not empty,
// else the one in a project's cache folder, looked for beside the executable, one folder above it, and in the working
// folder and those above it up to the first that holds a go.mod. An error has code no_runtime and says what to run.
func FindRuntime(explicit string) (string, error) {
	if explicit != "" {
		if !isFile(explicit) {
			return "", refuse(NoRuntime, "%s is not a file; name the ONNX Runtime library itself, such as /usr/lib/libonnxruntime.so", explicit)
		}
		return filepath.Abs(explicit)
	}
	for _, folder := range projectFolders() {
		if path := filepath.Join(folder, cachedLibrary()); isFile(path) {
			return path, nil
		}
	}
	return "", refuse(NoRuntime, "ONNX Runtime %s for %s-%s is not in the project's cache; run `make onnxruntime` in the project's folder, "+
		"or name the library with --onnxruntime PATH or FOXHUNT_ONNXRUNTIME", RuntimeVersion, runtime.GOOS, runtime.GOARCH)
}

// cachedLibrary is where the library lies, relative to the project's folder.
func cachedLibrary() string {
	name := "libonnxruntime.so"
	if runtime.GOOS == "darwin" {
		name = "libonnxruntime.dylib"
	}
	return filepath.Join(".cache", "onnxruntime", RuntimeVersion, runtime.GOOS+"-"+runtime.GOARCH, name)
}

// projectFolders lists the folders that may be the project's, the likeliest first.
func projectFolders() []string {
	var folders []string
	if executable, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(executable); err == nil {
			executable = real
		}
		beside := filepath.Dir(executable)
		folders = append(folders, beside, filepath.Dir(beside))
	}
	working, err := os.Getwd()
	if err != nil {
		return folders
	}
	for {
		folders = append(folders, working)
		above := filepath.Dir(working)
		if isFile(filepath.Join(working, "go.mod")) || above == working {
			return folders
		}
		working = above
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
