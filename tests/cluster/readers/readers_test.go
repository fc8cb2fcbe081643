package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// object is a DeploymentValidation of generation 2, with these conditions written as "Type=Status", observed at that generation.
func object(conditions ...string) string {
	var list []string
	for _, condition := range conditions {
		kind, state, _ := strings.Cut(condition, "=")
		list = append(list, fmt.Sprintf(`{"type":%q,"status":%q,"reason":"Reason","message":"text","observedGeneration":2}`, kind, state))
	}
	return objectWithStatus(fmt.Sprintf(`{"observedGeneration":2,"conditions":[%s]}`, strings.Join(list, ",")))
}

func objectWithStatus(status string) string {
	return `{"apiVersion":"plumbline.dev/v1alpha1","kind":"DeploymentValidation","metadata":{"name":"a","generation":2},"spec":{},"status":` + status + `}`
}

func shippedScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("../../../manifests/argocd/health.lua")
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

func newReader(script string) reader {
	return reader{negativeConditions: []string{"Stalled", "Reconciling"}, argoCDScript: script}
}

func TestEachToolReadsTheContractAsDocumented(t *testing.T) {
	r := newReader(shippedScript(t))
	for _, example := range []struct {
		name, object, kstatus, argocd string
	}{
		{"the default status reads as not done", objectWithStatus(`{"observedGeneration":-1}`), "InProgress", "Progressing"},
		{"an older generation is not looked at", strings.Replace(object("Ready=True"), `"generation":2`, `"generation":3`, 1), "InProgress", "Progressing"},
		{"at work", object("Ready=Unknown", "Reconciling=True"), "InProgress", "Progressing"},
		{"validated", object("Ready=True"), "Current", "Healthy"},
		{"validated and at work", object("Ready=True", "Reconciling=True"), "InProgress", "Progressing"},
		{"failed, to be tried again", object("Ready=False"), "InProgress", "Progressing"},
		{"failed for good", object("Ready=False", "Stalled=True"), "Failed", "Degraded"},
		{"drift beside Ready is not seen", object("Ready=True", "Drifted=True"), "Current", "Healthy"},
		{"suspended", strings.Replace(object("Ready=Unknown"), `"spec":{}`, `"spec":{"suspend":true}`, 1), "InProgress", "Suspended"},
		{"deleted", strings.Replace(object("Ready=True"), `"name":"a"`, `"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"`, 1), "Terminating", "Progressing"},
	} {
		t.Run(example.name, func(t *testing.T) {
			answer := r.read([]byte(example.object))
			if string(answer.KStatus) != example.kstatus || answer.ArgoCD.Status != example.argocd {
				t.Errorf("kstatus says %q, Argo CD %+v", answer.KStatus, *answer.ArgoCD)
			}
		})
	}
}

func TestFluxObjectsToABrokenContract(t *testing.T) {
	r := reader{negativeConditions: []string{"Stalled", "Reconciling", "Drifted"}}
	for _, example := range []struct {
		name, object        string
		settled, inProgress bool
	}{
		{"validated keeps both", object("Ready=True"), true, true},
		{"at work keeps the second", object("Ready=Unknown", "Reconciling=True"), false, true},
		{"stalled wants Ready False", object("Ready=Unknown", "Stalled=True"), false, false},
		{"both set are refused", object("Ready=False", "Stalled=True", "Reconciling=True"), false, false},
		{"trouble beside Ready is refused", object("Ready=True", "Drifted=True"), false, true},
		{"no Ready is refused", object("Healthy=True"), false, false},
		{"no Ready crashes the settled check, which counts as refused", object("Drifted=True"), false, false},
	} {
		t.Run(example.name, func(t *testing.T) {
			flux := r.read([]byte(example.object)).Flux
			if (len(flux.Settled.Failures) == 0) != example.settled || (len(flux.InProgress.Failures) == 0) != example.inProgress {
				t.Errorf("Flux says %+v", *flux)
			}
		})
	}
}

func TestAFaultyHealthScriptIsUnknown(t *testing.T) {
	for name, script := range map[string]string{
		"a word that Argo CD does not know": `return {status = "Fine"}`,
		"no status":                         `return {}`,
		"no table":                          `return "Healthy"`,
		"nothing":                           `local x = 1`,
		"a syntax error":                    `return {`,
		"a field of nothing":                `return {status = obj.status.missing.field}`,
		"a message that is no string":       `return {status = "Healthy", message = {}}`,
		"the string library":                `return {status = string.format("Healthy")}`,
		"the math library":                  `return {status = "Healthy", message = "" .. math.floor(1)}`,
		"the io library":                    `return {status = "Healthy", message = io.read()}`,
	} {
		t.Run(name, func(t *testing.T) {
			answer := newReader(script).read([]byte(object("Ready=True")))
			if answer.ArgoCD.Status != "Unknown" || answer.ArgoCD.Message == "" {
				t.Errorf("Argo CD says %+v", *answer.ArgoCD)
			}
		})
	}
}

func TestAnEndlessHealthScriptIsCutOffAfterItsLimit(t *testing.T) {
	answered := make(chan *argoCDReading, 1)
	go func() { answered <- newReader(`while true do end`).read([]byte(object("Ready=True"))).ArgoCD }()
	select {
	case answer := <-answered:
		if answer.Status != "Unknown" {
			t.Errorf("Argo CD says %+v", *answer)
		}
	case <-time.After(10 * scriptLimit):
		t.Error("the script is still running")
	}
}

func TestAHealthScriptSeesNumbersListsAndMaps(t *testing.T) {
	script := `
table.sort({2, 1})
if obj.metadata.generation == 2 and obj.status.conditions[1].type == "Ready" and #obj.status.conditions == 2 and obj.spec.missing == nil then
  return {status = "Healthy", message = obj.kind}
end`
	answer := newReader(script).read([]byte(object("Ready=True", "Healthy=True")))
	if *answer.ArgoCD != (argoCDReading{"Healthy", "DeploymentValidation"}) {
		t.Errorf("Argo CD says %+v", *answer.ArgoCD)
	}
}

func TestEveryLineGetsOneAnswer(t *testing.T) {
	var output strings.Builder
	input := object("Ready=True") + "\nno object\n\n" + object("Ready=False") + "\n"
	if err := run(nil, strings.NewReader(input), &output); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(output.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d answers:\n%s", len(lines), output.String())
	}
	var broken reading
	if err := json.Unmarshal([]byte(lines[1]), &broken); err != nil || broken.Error == "" {
		t.Errorf("a line that is no object is answered with %s", lines[1])
	}
	if strings.Contains(lines[0], "argocd") {
		t.Errorf("without a script there is no field for Argo CD: %s", lines[0])
	}
}
