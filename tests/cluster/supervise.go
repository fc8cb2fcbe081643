package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// errInputEnded is why a control plane ends when whoever started it is gone.
var errInputEnded = errors.New("standard input ended")

// An answer is the one line of JSON that follows each command.
type answer struct {
	Command string `json:"command"`
	Process string `json:"process,omitempty"`
	OK      bool   `json:"ok"`
	PID     int    `json:"pid,omitempty"`
	Error   string `json:"error,omitempty"`
}

func runCommand(ctx context.Context, arguments []string) error {
	var wanted options
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.BoolVar(&wanted.workloads, "workloads", false, "run the controller manager, the scheduler and a Node as well, so that Deployments roll out")
	flags.StringVar(&wanted.directory, "dir", "", "empty or missing `directory` for all data, removed at the end (default a temporary one)")
	readyFile := flags.String("ready-file", "", "also write the ready line to this `file`")
	untilSignal := flags.Bool("until-signal", false, "read no commands, run until SIGTERM or SIGINT")
	flags.Func("apiserver-flag", "one more `flag` for kube-apiserver, such as --v=4; may be repeated", func(value string) error {
		wanted.apiServerFlags = append(wanted.apiServerFlags, value)
		return nil
	})
	if err := parse(flags, arguments); err != nil {
		return err
	}
	binaries, err := ensureBinaries(ctx)
	if err != nil {
		return err
	}
	// A reader that has gone must not end this program before it has cleaned up: writing then fails instead.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var commands chan string
	if !*untilSignal {
		commands = make(chan string)
		go readCommands(os.Stdin, commands, end)
	}
	return supervise(ctx, binaries, wanted, *readyFile, commands)
}

// supervise runs one control plane until the context ends, and leaves nothing behind.
func supervise(ctx context.Context, binaries string, wanted options, readyFile string, commands <-chan string) (err error) {
	plane, err := newControlPlane(binaries, wanted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.end()) }()
	if err := plane.start(ctx); err != nil {
		return err
	}
	ready, err := json.Marshal(plane.describe())
	if err != nil {
		return fmt.Errorf("encode the ready line: %w", err)
	}
	if readyFile != "" {
		if err := writeWhole(readyFile, ready); err != nil {
			return err
		}
		defer os.Remove(readyFile)
	}
	output := bufio.NewWriter(os.Stdout)
	if err := printLine(output, ready); err != nil {
		return err
	}
	return plane.obey(ctx, commands, output)
}

// obey carries out commands until the context ends.
func (c *controlPlane) obey(ctx context.Context, commands <-chan string, output *bufio.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-commands:
			encoded, err := json.Marshal(c.carryOut(ctx, line))
			if err != nil {
				return fmt.Errorf("encode an answer: %w", err)
			}
			if err := printLine(output, encoded); err != nil {
				return err
			}
		}
	}
}

// carryOut does what one line says.
func (c *controlPlane) carryOut(ctx context.Context, line string) answer {
	command, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	result := answer{Command: command, Process: strings.TrimSpace(name)}
	p, err := c.process(result.Process)
	if err == nil {
		err = c.apply(ctx, command, p)
		result.PID = p.pid()
	}
	if err != nil {
		result.Error = err.Error()
		return result
	}
	result.OK = true
	return result
}

func (c *controlPlane) apply(ctx context.Context, command string, p *process) error {
	switch command {
	case "kill":
		return p.kill()
	case "stop":
		return p.pause(true)
	case "cont":
		return p.pause(false)
	case "start":
		if err := p.launch(ctx); err != nil {
			return err
		}
		return p.await(ctx)
	}
	return fmt.Errorf("there is no command %q: use kill, stop, cont or start", command)
}

// readCommands passes lines on one at a time, so that the end of the input is seen after the commands before it were begun.
func readCommands(input io.Reader, commands chan<- string, end context.CancelCauseFunc) {
	scanner := bufio.NewScanner(input)
	for scanner.Scan() {
		if strings.TrimSpace(scanner.Text()) != "" {
			commands <- scanner.Text()
		}
	}
	end(errors.Join(errInputEnded, scanner.Err()))
}

func printLine(output *bufio.Writer, line []byte) error {
	_, _ = output.Write(append(line, '\n')) // Flush gives its error
	if err := output.Flush(); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}
