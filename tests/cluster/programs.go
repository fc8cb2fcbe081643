package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed go.mod
var moduleFile string

//go:embed go.sum
var moduleSums string

// A program is one binary of the control plane and the way to build it.
type program struct {
	name string
	// folder is where `go build` runs, relative to this module.
	folder      string
	packagePath string
	linkerFlags string
	// smoke are arguments with which a whole binary ends at once and with success.
	smoke []string
}

// programs lists everything that the control plane and the tests over it need, in the order in which it is built.
func programs() []program {
	const stripped = "-s -w"
	version := kubernetesVersion()
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	// Without these the server calls itself v0.0.0, and clients that look at its version misbehave.
	kubernetes := fmt.Sprintf("%s -X %[2]s.gitVersion=%s -X %[2]s.gitMajor=%s -X %[2]s.gitMinor=%s",
		stripped, "k8s.io/component-base/version", version, numbers[0], numbers[1])
	version1 := []string{"--version"}
	return []program{
		{"etcd", ".", "go.etcd.io/etcd/server/v3", stripped, version1},
		{"kube-apiserver", ".", "k8s.io/kubernetes/cmd/kube-apiserver", kubernetes, version1},
		{"kube-controller-manager", ".", "k8s.io/kubernetes/cmd/kube-controller-manager", kubernetes, version1},
		{"kube-scheduler", ".", "k8s.io/kubernetes/cmd/kube-scheduler", kubernetes, version1},
		{"kubectl", ".", "k8s.io/kubernetes/cmd/kubectl", kubernetes, []string{"version", "--client"}},
		{"kwok", ".", "sigs.k8s.io/kwok/cmd/kwok", stripped, version1},
		{"readers", "readers", ".", stripped, version1},
		{"cluster", ".", ".", stripped, []string{"version"}},
	}
}

// kubernetesVersion is the version that go.mod pins, such as "v1.37.2".
func kubernetesVersion() string {
	found := regexp.MustCompile(`(?m)^\s*(?:require )?k8s\.io/kubernetes (v\d+\.\d+\.\d+)`).FindStringSubmatch(moduleFile)
	if found == nil {
		panic("go.mod requires no k8s.io/kubernetes")
	}
	return found[1]
}

// cacheFolder is where the programs of exactly these module versions and build flags live.
func cacheFolder() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home folder for the cache: %w", err)
	}
	digest := sha256.New()
	fmt.Fprintf(digest, "%s\x00%s\x00%q", moduleFile, moduleSums, programs())
	key := kubernetesVersion() + "-" + hex.EncodeToString(digest.Sum(nil))[:12]
	return filepath.Join(home, ".cache", "plumbline", "cluster", key), nil
}

// recipe changes when the program has to be built again within the same cache folder. The folder's name already stands for
// the modules of others, so it is only about our own source files.
func (p program) recipe(source string) (string, error) {
	if p.packagePath != "." {
		return "module", nil
	}
	folder := filepath.Join(source, p.folder)
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return "", fmt.Errorf("list the sources of %s: %w", p.name, err)
	}
	files = append(files, filepath.Join(folder, "go.mod"), filepath.Join(folder, "go.sum"))
	slices.Sort(files)
	digest := sha256.New()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the sources of %s: %w", p.name, err)
		}
		fmt.Fprintf(digest, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	return hex.EncodeToString(digest.Sum(nil))[:16], nil
}
