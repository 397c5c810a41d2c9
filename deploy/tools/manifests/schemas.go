package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// schemas finds the schema of an object by its apiVersion and kind.
type schemas struct {
	api         string   // folder
	definitions []string // files
}

// validate is an error where the object is not as its schema wants it, or where there is no schema.
func (s *schemas) validate(object map[string]any) error {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	document, pointer, err := s.find(group, version, kind)
	if err != nil {
		return err
	}
	strict(document)
	compiler := jsonschema.NewCompiler()
	const url = "schema.json"
	if err := compiler.AddResource(url, document); err != nil {
		return err
	}
	schema, err := compiler.Compile(url + pointer)
	if err != nil {
		return err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(instance)
}

// find is the document with the schema of a kind, and where in it.
func (s *schemas) find(group, version, kind string) (document any, pointer string, err error) {
	for _, path := range s.definitions {
		if document, err := s.custom(path, group, version, kind); err != nil || document != nil {
			return document, "", err
		}
	}
	name := "api__" + version
	if group != "" {
		name = "apis__" + group + "__" + version
	}
	text, err := os.ReadFile(filepath.Join(s.api, name+"_openapi.json"))
	if err != nil {
		return nil, "", fmt.Errorf("there is no schema of %s %s %s: %w", group, version, kind, err)
	}
	document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, "", err
	}
	known, _ := document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	for name, schema := range known {
		kinds, _ := schema.(map[string]any)["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			if k := k.(map[string]any); len(kinds) == 1 && k["group"] == group && k["version"] == version && k["kind"] == kind {
				return document, "#/components/schemas/" + name, nil
			}
		}
	}
	return nil, "", fmt.Errorf("%s %s knows no %s", group, version, kind)
}

// custom is the schema of a custom resource, if path defines it.
func (s *schemas) custom(path, group, version, kind string) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema json.RawMessage }
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if definition.Spec.Group != group || definition.Spec.Names.Kind != kind {
		return nil, nil
	}
	for _, v := range definition.Spec.Versions {
		if v.Name == version {
			return jsonschema.UnmarshalJSON(bytes.NewReader(v.Schema.OpenAPIV3Schema))
		}
	}
	return nil, fmt.Errorf("%s knows no version %s", path, version)
}

// strict has every object with known fields refuse others.
func strict(schema any) {
	switch schema := schema.(type) {
	case []any:
		for _, s := range schema {
			strict(s)
		}
	case map[string]any:
		for _, s := range schema {
			strict(s)
		}
		_, fields := schema["properties"].(map[string]any)
		_, others := schema["additionalProperties"]
		if fields && !others && schema["type"] == "object" && schema["x-kubernetes-preserve-unknown-fields"] != true {
			schema["additionalProperties"] = false
		}
	}
}
