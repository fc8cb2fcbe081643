package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An argoCDReading is the health that Argo CD shows.
type argoCDReading struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// scriptLimit is Argo CD's own limit for a health script.
const scriptLimit = time.Second

// healthWords are the only words that Argo CD takes from a script.
var healthWords = []string{"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

// readAsArgoCD runs a health script in a machine like that of Argo CD v3.5 (util/lua) without `useOpenLibs`: the libraries
// package, base and table, and no more. Its cut-down `os` is left out; a script that needs it fails here first.
func readAsArgoCD(object *unstructured.Unstructured, script string) *argoCDReading {
	// Argo CD does not ask the script about an object that is being deleted.
	if object.GetDeletionTimestamp() != nil {
		return &argoCDReading{Status: "Progressing", Message: "Pending deletion"}
	}
	health, err := runHealthScript(object, script)
	if err != nil {
		return &argoCDReading{Status: "Unknown", Message: err.Error()}
	}
	return health
}

func runHealthScript(object *unstructured.Unstructured, script string) (*argoCDReading, error) {
	machine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer machine.Close()
	if err := openLibraries(machine); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptLimit)
	defer cancel()
	machine.SetContext(ctx)
	machine.SetGlobal("obj", toLua(machine, object.Object))
	if err := machine.DoString(script); err != nil {
		return nil, fmt.Errorf("run the health script: %w", err)
	}
	table, ok := machine.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the health script returned a %s, not a table", machine.Get(-1).Type())
	}
	word, ok := table.RawGetString("status").(lua.LString)
	if !ok || !slices.Contains(healthWords, string(word)) {
		return nil, fmt.Errorf("the health script returned an unknown status %q", table.RawGetString("status"))
	}
	switch message := table.RawGetString("message").(type) {
	case lua.LString:
		return &argoCDReading{Status: string(word), Message: string(message)}, nil
	case *lua.LNilType:
		return &argoCDReading{Status: string(word)}, nil
	}
	return nil, errors.New("the health script returned a message that is no string")
}

func openLibraries(machine *lua.LState) error {
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	} {
		call := lua.P{Fn: machine.NewFunction(open), Protect: true}
		if err := machine.CallByParam(call, lua.LString(name)); err != nil {
			return fmt.Errorf("open the Lua library %q: %w", name, err)
		}
	}
	// Standard output belongs to the answers.
	machine.SetGlobal("print", machine.NewFunction(func(machine *lua.LState) int {
		for index := 1; index <= machine.GetTop(); index++ {
			fmt.Fprintln(os.Stderr, machine.ToStringMeta(machine.Get(index)))
		}
		return 0
	}))
	return nil
}

// toLua gives the Lua form of a decoded JSON value; null becomes nil, so its key is absent.
func toLua(machine *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case string:
		return lua.LString(value)
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := machine.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(machine, item))
		}
		return table
	case map[string]any:
		table := machine.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(machine, item))
		}
		return table
	}
	return lua.LNil
}
