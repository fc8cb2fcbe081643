package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startLimit = 3 * time.Minute
	stopLimit  = 20 * time.Second
)

// A detached control plane runs in the background, at most one for each user.
type detached struct {
	// folder holds the record, the ready line, the supervisor's log and, while it runs, the data.
	folder string
}

// record names the supervisor so that its PID, given to another process later, is not mistaken for it.
type record struct {
	PID       int    `json:"pid"`
	StartTime string `json:"startTime"`
}

func detachedHere() (detached, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return detached{}, fmt.Errorf("find the home folder for the running control plane: %w", err)
	}
	return detached{filepath.Join(home, ".cache", "plumbline", "cluster", "running")}, nil
}

func (d detached) recordFile() string { return filepath.Join(d.folder, "supervisor.json") }
func (d detached) readyFile() string  { return filepath.Join(d.folder, "ready.json") }
func (d detached) logFile() string    { return filepath.Join(d.folder, "supervisor.log") }
func (d detached) data() string       { return filepath.Join(d.folder, "data") }

func startCommand(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("start", flag.ContinueOnError)
	workloads := flags.Bool("workloads", true, "run the controller manager, the scheduler and a Node as well")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	binaries, err := ensureBinaries(ctx)
	if err != nil {
		return err
	}
	d, err := detachedHere()
	if err != nil {
		return err
	}
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	ready, err := d.running()
	if err != nil {
		return err
	}
	if ready == nil {
		if ready, err = d.launch(ctx, binaries, *workloads); err != nil {
			return err
		}
		say("Kubernetes %s is ready at %s", kubernetesVersion(), ready.Server)
	} else if ready.Workloads != *workloads {
		return fmt.Errorf("a control plane with -workloads=%t is running already; `cluster stop` ends it", ready.Workloads)
	}
	fmt.Println(ready.Kubeconfig)
	return nil
}

func stopCommand(_ context.Context, arguments []string) error {
	flags := flag.NewFlagSet("stop", flag.ContinueOnError)
	if err := parse(flags, arguments); err != nil {
		return err
	}
	d, err := detachedHere()
	if err != nil {
		return err
	}
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	supervisor, err := d.supervisor()
	if err != nil {
		return err
	}
	if supervisor == nil {
		say("none is running")
	} else if err := supervisor.end(); err != nil {
		return err
	}
	return d.clear()
}

// lock lets one start or stop happen at a time.
func (d detached) lock() (func(), error) {
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of the running control plane: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(d.folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the running control plane: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, errors.New("another `cluster start` or `cluster stop` is at work; try again when it is done")
	}
	return func() { file.Close() }, nil
}

// running gives the ready line of the control plane that runs, or nothing when there is none.
func (d detached) running() (*description, error) {
	supervisor, err := d.supervisor()
	if err != nil || supervisor == nil {
		return nil, err
	}
	content, err := os.ReadFile(d.readyFile())
	if err != nil {
		return nil, fmt.Errorf("process %d is a control plane that is not ready (`cluster stop` ends it): %w", supervisor.PID, err)
	}
	ready := &description{}
	if err := json.Unmarshal(content, ready); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.readyFile(), err)
	}
	return ready, nil
}

// supervisor gives the recorded process when it is still the same and alive.
func (d detached) supervisor() (*record, error) {
	content, err := os.ReadFile(d.recordFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which process is the supervisor: %w", err)
	}
	recorded := &record{}
	if err := json.Unmarshal(content, recorded); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.recordFile(), err)
	}
	if !recorded.alive() {
		return nil, nil
	}
	return recorded, nil
}

func (r record) alive() bool {
	status, err := readProcessStatus(r.PID)
	return err == nil && status.startTime == r.StartTime && status.state != 'Z'
}

// launch starts the supervisor in a session of its own and waits until its control plane is ready.
func (d detached) launch(ctx context.Context, binaries string, workloads bool) (*description, error) {
	if err := d.clear(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the supervisor: %w", err)
	}
	defer log.Close()
	// The installed program, since the one that `go run` makes is gone when this command ends.
	child := exec.Command(filepath.Join(binaries, "cluster"), "run", "-until-signal",
		fmt.Sprintf("-workloads=%t", workloads), "-dir", d.data(), "-ready-file", d.readyFile())
	child.Dir = "/"
	child.Stderr = log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	if err := d.remember(child.Process.Pid); err != nil {
		return nil, errors.Join(err, child.Process.Kill())
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		if _, err := os.Stat(d.readyFile()); err == nil {
			return d.running()
		}
		select {
		case <-ended:
			content, _ := os.ReadFile(d.logFile())
			return nil, fmt.Errorf("the supervisor ended before its control plane was ready:\n%s", lastLines(string(content), 20))
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the control plane: %w", ctx.Err()), child.Process.Signal(syscall.SIGTERM))
		case <-time.After(readyInterval):
		}
	}
}

func (d detached) remember(pid int) error {
	status, err := readProcessStatus(pid)
	if err != nil {
		return err
	}
	content, err := json.Marshal(record{pid, status.startTime})
	if err != nil {
		return fmt.Errorf("encode which process is the supervisor: %w", err)
	}
	return writeWhole(d.recordFile(), content)
}

// end asks the supervisor to end, which takes its control plane with it.
func (r record) end() error {
	if err := syscall.Kill(r.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end process %d: %w", r.PID, err)
	}
	for deadline := time.Now().Add(stopLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if !r.alive() {
			return nil
		}
	}
	// Its children die with it; the caller removes its data.
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("kill process %d: %w", r.PID, err)
	}
	return nil
}

// clear removes what a control plane that is no longer there has left.
func (d detached) clear() error {
	return errors.Join(os.RemoveAll(d.data()), os.RemoveAll(d.recordFile()), os.RemoveAll(d.readyFile()))
}
