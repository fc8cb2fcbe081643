package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func fakeProcess(t *testing.T, script string) *process {
	t.Helper()
	p := &process{name: "fake", file: "/bin/sh", arguments: []string{"-c", script}, log: filepath.Join(t.TempDir(), "fake.log")}
	t.Cleanup(func() {
		if p.running() {
			_ = p.kill()
		}
	})
	return p
}

func launch(t *testing.T, p *process) {
	t.Helper()
	if err := p.launch(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestAStoppedProcessIsSeenStoppedAndCanBeKilled(t *testing.T) {
	p := fakeProcess(t, "exec sleep 600")
	launch(t, p)
	for _, stopped := range []bool{true, false, true} {
		if err := p.pause(stopped); err != nil {
			t.Fatal(err)
		}
		status, err := readProcessStatus(p.pid())
		if err != nil || (status.state == 'T') != stopped {
			t.Errorf("asked for stopped=%t, the state is %c: %v", stopped, status.state, err)
		}
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := readProcessStatus(p.pid()); err == nil {
		t.Error("a killed process was not reaped")
	}
}

func TestAProcessStartsAgainAfterItWasKilled(t *testing.T) {
	p := fakeProcess(t, "exec sleep 600")
	launch(t, p)
	first := p.pid()
	if err := p.launch(context.Background()); err == nil {
		t.Error("a running process was started twice")
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	launch(t, p)
	if p.pid() == first || !p.running() {
		t.Errorf("the process %d was not replaced", first)
	}
}

func TestWaitingForAProcessThatEndedFailsAtOnceWithItsLog(t *testing.T) {
	p := fakeProcess(t, "echo the reason; exit 3")
	p.ready = func(context.Context) error { return errors.New("never ready") }
	launch(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := p.await(ctx)
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("the failure is reported as %v", err)
	}
}

func TestNoChildOutlivesASupervisorThatIsKilled(t *testing.T) {
	if os.Getenv("CLUSTER_TEST_SUPERVISOR") == "1" {
		actAsSupervisor(t)
		return
	}
	t.Setenv("CLUSTER_TEST_SUPERVISOR", "1")
	supervisor := &process{
		name: "supervisor", file: os.Args[0], arguments: []string{"-test.run=^" + t.Name() + "$"}, log: filepath.Join(t.TempDir(), "log"),
	}
	launch(t, supervisor)
	defer func() {
		if supervisor.running() {
			_ = supervisor.kill()
		}
	}()
	var child int
	eventually(t, "the supervisor names its child", func() bool {
		child = childNamedIn(supervisor.log)
		return child != 0
	})
	if err := supervisor.kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is gone", func() bool {
		status, err := readProcessStatus(child)
		return err != nil || status.state == 'Z'
	})
}

func actAsSupervisor(t *testing.T) {
	p := &process{name: "child", file: "/bin/sh", arguments: []string{"-c", "exec sleep 600"}, log: "/dev/null"}
	launch(t, p)
	_, _ = os.Stdout.WriteString("child " + strconv.Itoa(p.pid()) + "\n")
	<-p.ended
}

func childNamedIn(log string) int {
	file, err := os.Open(log)
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if number, found := strings.CutPrefix(lines.Text(), "child "); found {
			pid, _ := strconv.Atoi(number)
			return pid
		}
	}
	return 0
}

// eventually waits for a condition, with a limit.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
