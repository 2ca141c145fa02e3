// Prints the values of the HelmRelease on standard input as JSON, and nothing of a GitRepository. Whatever their types do not
// know is an error.
package main

import (
	"fmt"
	"io"
	"os"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func values(text []byte) ([]byte, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "helm.toolkit.fluxcd.io/v2 HelmRelease":
		var release helmv2.HelmRelease
		err := yaml.UnmarshalStrict(text, &release)
		return release.Spec.Values.Raw, err
	case "source.toolkit.fluxcd.io/v1 GitRepository":
		return nil, yaml.UnmarshalStrict(text, &sourcev1.GitRepository{})
	}
	return nil, fmt.Errorf("%s %s is not known", kind.APIVersion, kind.Kind)
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	var raw []byte
	if err == nil {
		raw, err = values(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(raw))
}
