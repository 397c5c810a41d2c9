// Manifests builds folders of manifests with Kustomize, and holds every object against the schema of its kind.
//
//	manifests --api DIR [--crd FILE]... FOLDER...
//
// The schemas are the API server's own: DIR is api/openapi-spec/v3 of a version of k8s.io/kubernetes, and each FILE a custom
// resource's definition. Fields that a schema does not know are errors, as with kubectl apply --validate=strict. Each object is
// printed as a line of JSON; the exit code is 1 if one is not as its schema wants it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	var s schemas
	flag.StringVar(&s.api, "api", "", "folder of the API server's OpenAPI documents")
	flag.Func("crd", "file of a custom resource's definition (may be repeated)", func(path string) error {
		s.definitions = append(s.definitions, path)
		return nil
	})
	flag.Parse()
	failed := 0
	for _, folder := range flag.Args() {
		n, err := check(&s, folder)
		if err != nil {
			fmt.Fprintf(os.Stderr, "manifests: %s: %v\n", folder, err)
			failed++
		}
		failed += n
	}
	if failed > 0 || flag.NArg() == 0 {
		os.Exit(1)
	}
}

// check prints the objects of a folder, and returns how many of them are not right.
func check(s *schemas, folder string) (wrong int, err error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return 0, err
	}
	out := json.NewEncoder(os.Stdout)
	for _, object := range objects.Resources() {
		content, err := object.Map()
		if err != nil {
			return wrong, err
		}
		if err := s.validate(content); err != nil {
			fmt.Fprintf(os.Stderr, "manifests: %s: %s %s: %v\n", folder, object.GetKind(), object.GetName(), err)
			wrong++
		}
		if err := out.Encode(content); err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}
