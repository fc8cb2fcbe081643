package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestTheEndOfTheInputEndsTheControlPlaneAfterItsCommands(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	commands := make(chan string)
	go readCommands(strings.NewReader("kill etcd\n\nstart etcd\n"), commands, end)
	for _, expected := range []string{"kill etcd", "start etcd"} {
		if command := <-commands; command != expected {
			t.Errorf("read %q, not %q", command, expected)
		}
	}
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), errInputEnded) {
		t.Errorf("ended for another reason: %v", context.Cause(ctx))
	}
}

func TestCommandsKillStopContinueAndStartAProcess(t *testing.T) {
	p := fakeProcess(t, "exec sleep 600")
	c := &controlPlane{processes: []*process{p}}
	for _, step := range []struct {
		line  string
		ok    bool
		state string
	}{
		{"start fake", true, "running"},
		{"start fake", false, "running"},
		{"stop fake", true, "stopped"},
		{"cont fake", true, "running"},
		{"kill fake", true, "gone"},
		{"kill fake", false, "gone"},
		{"stop fake", false, "gone"},
		{"  start fake ", true, "running"},
		{"restart fake", false, "running"},
		{"kill other", false, "running"},
		{"kill", false, "running"},
	} {
		result := c.carryOut(context.Background(), step.line)
		if result.OK != step.ok || (result.Error == "") != step.ok || stateOf(p) != step.state {
			t.Errorf("%q: the process is %s, the answer %+v", step.line, stateOf(p), result)
		}
	}
}

func stateOf(p *process) string {
	status, err := readProcessStatus(p.pid())
	switch {
	case err != nil || !p.running():
		return "gone"
	case status.state == 'T':
		return "stopped"
	}
	return "running"
}
