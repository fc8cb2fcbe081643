package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// fakeCache builds text files in place of programs and records which.
func fakeCache(t *testing.T) (*cache, func() []string) {
	t.Helper()
	source := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var guard sync.Mutex
	var built []string
	c := &cache{folder: filepath.Join(t.TempDir(), "bin"), source: source}
	c.compile = func(_ context.Context, _ string, p program, to string) error {
		guard.Lock()
		defer guard.Unlock()
		built = append(built, p.name)
		return os.WriteFile(to, []byte("the whole program "+p.name), 0o700)
	}
	return c, func() []string {
		names := built
		built = nil
		return names
	}
}

var fakePrograms = []program{
	{name: "foreign", folder: ".", packagePath: "example.org/foreign"},
	{name: "own", folder: ".", packagePath: "."},
}

func complete(t *testing.T, c *cache) {
	t.Helper()
	if err := c.complete(context.Background(), fakePrograms); err != nil {
		t.Fatal(err)
	}
}

func expectBuilt(t *testing.T, built func() []string, names ...string) {
	t.Helper()
	if got := built(); !slices.Equal(got, names) {
		t.Errorf("built %v, not %v", got, names)
	}
}

func TestAWholeCacheBuildsNothing(t *testing.T) {
	c, built := fakeCache(t)
	complete(t, c)
	expectBuilt(t, built, "foreign", "own")
	complete(t, c)
	expectBuilt(t, built)
}

func TestACutProgramIsBuiltAgain(t *testing.T) {
	c, built := fakeCache(t)
	complete(t, c)
	built()
	file := filepath.Join(c.folder, "foreign")
	if err := os.Truncate(file, 3); err != nil {
		t.Fatal(err)
	}
	if intact(file) {
		t.Error("a cut program counts as intact")
	}
	complete(t, c)
	expectBuilt(t, built, "foreign")
	if content, err := os.ReadFile(file); err != nil || string(content) != "the whole program foreign" {
		t.Errorf("the program is %q now: %v", content, err)
	}
	if !intact(file) {
		t.Error("the healed program does not count as intact")
	}
}

func TestAProgramWithoutItsStampIsBuiltAgain(t *testing.T) {
	c, built := fakeCache(t)
	complete(t, c)
	built()
	if err := os.Remove(stampOf(filepath.Join(c.folder, "own"))); err != nil {
		t.Fatal(err)
	}
	complete(t, c)
	expectBuilt(t, built, "own")
}

func TestAChangedSourceRebuildsOnlyOurOwnPrograms(t *testing.T) {
	c, built := fakeCache(t)
	complete(t, c)
	built()
	if err := os.WriteFile(filepath.Join(c.source, "main.go"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	complete(t, c)
	expectBuilt(t, built, "own")
}

func TestAFailedBuildLeavesTheRestAndNothingHalf(t *testing.T) {
	c, built := fakeCache(t)
	compile := c.compile
	broken := errors.New("broken")
	c.compile = func(ctx context.Context, source string, p program, to string) error {
		if p.name == "own" {
			_ = os.WriteFile(to, []byte("half"), 0o700)
			return broken
		}
		return compile(ctx, source, p, to)
	}
	if err := c.complete(context.Background(), fakePrograms); !errors.Is(err, broken) {
		t.Fatalf("the failure is reported as %v", err)
	}
	built()
	if left, _ := filepath.Glob(filepath.Join(c.folder, "own*")); len(left) > 0 {
		t.Errorf("a failed build leaves %v", left)
	}
	c.compile = compile
	complete(t, c)
	expectBuilt(t, built, "own")
}

func TestCallersAtTheSameTimeBuildOnce(t *testing.T) {
	c, built := fakeCache(t)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if err := c.complete(context.Background(), fakePrograms); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	expectBuilt(t, built, "foreign", "own")
}

func TestTheKubernetesVersionIsThatOfGoMod(t *testing.T) {
	if version := kubernetesVersion(); version[:3] != "v1." {
		t.Errorf("the version is %q", version)
	}
}
