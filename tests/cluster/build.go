package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// One program takes about three minutes on two cores with nothing cached.
	buildLimit = time.Hour
	smokeLimit = 30 * time.Second
	// How often a build that takes long says so.
	progressInterval = 10 * time.Second
)

func buildCommand(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	if err := parse(flags, arguments); err != nil {
		return err
	}
	binaries, err := ensureBinaries(ctx)
	if err != nil {
		return err
	}
	fmt.Println(binaries)
	return nil
}

// ensureBinaries gives the folder that holds every program, building first what is missing. A program that was itself built
// into such a folder uses its neighbours and needs neither sources nor a Go toolchain.
func ensureBinaries(ctx context.Context) (string, error) {
	if executable, err := os.Executable(); err == nil && intact(executable) {
		neighbours := filepath.Dir(executable)
		for _, p := range programs() {
			if !intact(filepath.Join(neighbours, p.name)) {
				return "", fmt.Errorf("%s in %s is missing or cut: run `go run . build` in tests/cluster", p.name, neighbours)
			}
		}
		return neighbours, nil
	}
	source, err := sourceFolder()
	if err != nil {
		return "", err
	}
	folder, err := cacheFolder()
	if err != nil {
		return "", err
	}
	binaries := filepath.Join(folder, "bin")
	cache := cache{folder: binaries, source: source, compile: compile}
	return binaries, cache.complete(ctx, programs())
}

// sourceFolder is the working directory, which has to be this module's: `go run .` works nowhere else either.
func sourceFolder() (string, error) {
	source, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil || string(content) != moduleFile {
		return "", fmt.Errorf("%s is not the folder that this program was built from: run it in tests/cluster, or run the installed one", source)
	}
	return source, nil
}

// compile builds one program into the file `to` and sees it run.
func compile(ctx context.Context, source string, p program, to string) error {
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	folder := filepath.Join(source, p.folder)
	if err := checkToolchain(ctx, folder); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", p.linkerFlags, "-o", to, p.packagePath)
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	build.Cancel = func() error { return build.Process.Signal(os.Interrupt) }
	build.WaitDelay = 10 * time.Second
	var complaints bytes.Buffer
	build.Stderr = &complaints
	if err := withProgress(p.name, build.Run); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", p.packagePath, err, lastLines(complaints.String(), 20))
	}

	ctx, cancel = context.WithTimeout(ctx, smokeLimit)
	defer cancel()
	if output, err := exec.CommandContext(ctx, to, p.smoke...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s was built but does not run: %w\n%s", p.name, err, lastLines(string(output), 20))
	}
	return nil
}

// checkToolchain asks the go command itself, since it also knows whether it may fetch a newer toolchain.
func checkToolchain(ctx context.Context, folder string) error {
	const remedy = "install Go from https://go.dev/dl/ (or set GOTOOLCHAIN=auto, so that an older one fetches it)"
	ask := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	ask.Dir = folder
	var complaints bytes.Buffer
	ask.Stderr = &complaints
	err := ask.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("there is no go command on the PATH, and Kubernetes %s is built from source: %s", kubernetesVersion(), remedy)
	case err != nil:
		return fmt.Errorf("the Go toolchain cannot build Kubernetes %s: %s; %s", kubernetesVersion(), strings.TrimSpace(complaints.String()), remedy)
	}
	return nil
}

// withProgress runs a build and says every now and then that it is still at it.
func withProgress(name string, build func() error) error {
	begin := time.Now()
	done := make(chan error, 1)
	go func() { done <- build() }()
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				say("%s built in %s", name, time.Since(begin).Round(100*time.Millisecond))
			}
			return err
		case <-ticker.C:
			say("%s is building, %s so far", name, time.Since(begin).Round(time.Second))
		}
	}
}

func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
