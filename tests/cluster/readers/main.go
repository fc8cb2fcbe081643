// Command readers says how GitOps tools read Kubernetes objects, with the tools' own code: kstatus of cli-utils, the condition
// checker of Flux, and a health script as Argo CD runs it. It reads one JSON object per line and answers each with one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// objectLimit bounds one line; etcd refuses objects above 1.5 MiB.
const objectLimit = 4 << 20

// A reading is what each tool makes of one object.
type reading struct {
	KStatus        status.Status `json:"kstatus,omitempty"`
	KStatusMessage string        `json:"kstatusMessage,omitempty"`
	// KStatusError tells that kstatus could not compute a status, which its users treat as a failure.
	KStatusError string         `json:"kstatusError,omitempty"`
	Flux         *fluxReading   `json:"flux,omitempty"`
	ArgoCD       *argoCDReading `json:"argocd,omitempty"`
	// Error tells that the line was no object.
	Error string `json:"error,omitempty"`
}

// A reader holds how the tools are configured.
type reader struct {
	// negativeConditions are the types that mean trouble when they are True, the most important first, as Flux's checker wants them.
	negativeConditions []string
	// argoCDScript is the health script, "" for none.
	argoCDScript string
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "readers: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string, input io.Reader, output io.Writer) error {
	flags := flag.NewFlagSet("readers", flag.ContinueOnError)
	version := flags.Bool("version", false, "print the versions of the tools whose code this is")
	scriptFile := flags.String("argocd-script", "", "health script of Argo CD, a `file`")
	negative := flags.String("negative-conditions", "Stalled,Reconciling",
		"comma-separated `types` that Flux's checker takes as trouble when True, the most important first")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *version {
		return printVersions(output)
	}
	r := reader{negativeConditions: strings.Split(*negative, ",")}
	if *scriptFile != "" {
		script, err := os.ReadFile(*scriptFile)
		if err != nil {
			return fmt.Errorf("read the health script: %w", err)
		}
		r.argoCDScript = string(script)
	}
	return r.answerAll(input, output)
}

func (r reader) answerAll(input io.Reader, output io.Writer) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, objectLimit)
	encoder := json.NewEncoder(output)
	for lines.Scan() {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		if err := encoder.Encode(r.read(lines.Bytes())); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	return nil
}

// read asks every tool about one object.
func (r reader) read(line []byte) reading {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(line); err != nil {
		return reading{Error: err.Error()}
	}
	var answer reading
	if result, err := status.Compute(object.DeepCopy()); err != nil {
		answer.KStatusError = err.Error()
	} else {
		answer.KStatus, answer.KStatusMessage = result.Status, result.Message
	}
	answer.Flux = readAsFlux(object, r.negativeConditions)
	if r.argoCDScript != "" {
		answer.ArgoCD = readAsArgoCD(object, r.argoCDScript)
	}
	return answer
}

func printVersions(output io.Writer) error {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this program was built without module information")
	}
	for _, module := range build.Deps {
		switch module.Path {
		case "sigs.k8s.io/cli-utils", "github.com/fluxcd/pkg/runtime", "github.com/yuin/gopher-lua":
			fmt.Fprintln(output, module.Path, module.Version)
		}
	}
	return nil
}
