package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A process is one program of the control plane. It can be started again after it ended, with the same arguments.
type process struct {
	name      string
	file      string
	arguments []string
	// log receives what the program prints, over all its starts.
	log string
	// prepare runs before each start, ready is asked until it gives nil; both may be nil.
	prepare func(ctx context.Context) error
	ready   func(ctx context.Context) error

	child *exec.Cmd
	// ended is closed when the child has been reaped.
	ended chan struct{}
	// killed tells that the end of the child was asked for.
	killed *atomic.Bool
}

const (
	readyLimit    = 90 * time.Second
	readyInterval = 25 * time.Millisecond
	signalLimit   = 5 * time.Second
)

// forks holds the functions that start children. The kernel sends a child's parent-death signal when the *thread* that forked
// it ends, so all children come from one thread that lives as long as this program.
var forks = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for fork := range forks {
			fork()
		}
	}()
}

// launch starts the program and does not wait until it is ready.
func (p *process) launch(ctx context.Context) error {
	if p.running() {
		return fmt.Errorf("%s is running already", p.name)
	}
	if p.prepare != nil {
		if err := p.prepare(ctx); err != nil {
			return fmt.Errorf("prepare the start of %s: %w", p.name, err)
		}
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close()
	child := exec.Command(p.file, p.arguments...)
	child.Stdout, child.Stderr = log, log
	// A group of its own, so that Ctrl-C in a terminal reaches only the supervisor.
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	forks <- func() { started <- child.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.child, p.ended, p.killed = child, make(chan struct{}), &atomic.Bool{}
	go reap(p.name, child, p.ended, p.killed)
	return nil
}

// reap waits for a child, and tells when it ended by itself.
func reap(name string, child *exec.Cmd, ended chan<- struct{}, killed *atomic.Bool) {
	_ = child.Wait() // how it ended is in child.ProcessState
	if !killed.Load() {
		say("%s ended by itself: %s", name, child.ProcessState)
	}
	close(ended)
}

// await waits until the program is ready, and fails at once when it ends instead.
func (p *process) await(ctx context.Context) error {
	if p.ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready (%s); the end of its log:\n%s", p.name, p.child.ProcessState, p.lastLog())
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return fmt.Errorf("wait until %s is ready: %w", p.name, cause)
			}
			return fmt.Errorf("%s is not ready after %s: %w; the end of its log:\n%s", p.name, readyLimit, err, p.lastLog())
		case <-time.After(readyInterval):
		}
	}
}

func (p *process) running() bool {
	if p.child == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// pid is that of the latest start, 0 before the first.
func (p *process) pid() int {
	if p.child == nil {
		return 0
	}
	return p.child.Process.Pid
}

// kill ends the program with SIGKILL and returns when it is gone. A stopped program dies as well.
func (p *process) kill() error {
	if !p.running() {
		return fmt.Errorf("%s is not running", p.name)
	}
	p.killed.Store(true)
	if err := p.child.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(signalLimit):
		return fmt.Errorf("%s is still there %s after SIGKILL", p.name, signalLimit)
	}
}

// pause stops the program with SIGSTOP, or lets it go on with SIGCONT, and returns when the kernel shows it in that state.
func (p *process) pause(stopped bool) error {
	if !p.running() {
		return fmt.Errorf("%s is not running", p.name)
	}
	signal := syscall.SIGCONT
	if stopped {
		signal = syscall.SIGSTOP
	}
	if err := p.child.Process.Signal(signal); err != nil {
		return fmt.Errorf("send %s to %s: %w", signal, p.name, err)
	}
	for deadline := time.Now().Add(signalLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		status, err := readProcessStatus(p.pid())
		if err != nil {
			return err
		}
		if (status.state == 'T') == stopped {
			return nil
		}
	}
	return fmt.Errorf("%s did not follow %s within %s", p.name, signal, signalLimit)
}

func (p *process) lastLog() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(content), 15)
}

// processStatus is the part of /proc/PID/stat, as proc(5) numbers its fields, that identifies a process.
type processStatus struct {
	state byte
	// startTime is in clock ticks since the machine started: together with the PID it names one process for good.
	startTime string
}

func readProcessStatus(pid int) (processStatus, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStatus{}, fmt.Errorf("read the state of process %d: %w", pid, err)
	}
	// The second field is the name in parentheses, which may hold spaces and parentheses itself.
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return processStatus{}, fmt.Errorf("the state of process %d has %d fields after its name", pid, len(fields))
	}
	return processStatus{state: fields[0][0], startTime: fields[19]}, nil
}
