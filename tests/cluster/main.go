// Command cluster builds and runs a real Kubernetes control plane on this machine, for the tests and for trying things out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `A real Kubernetes control plane on loopback, built from source.

  cluster build                 builds what is missing, prints the folder of the programs
  cluster run [options]         runs a control plane until standard input ends; obeys commands there
  cluster start [options]       starts one in the background, prints its kubeconfig
  cluster stop                  ends the one that "start" started
  cluster version               prints the Kubernetes version

"cluster COMMAND -h" lists the options of a command. Data goes to standard output, all else to standard error.
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := command(ctx, os.Args[1:])
	cancel()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		say("%v", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("no command given")
	}
	rest := arguments[1:]
	switch arguments[0] {
	case "build":
		return buildCommand(ctx, rest)
	case "run":
		return runCommand(ctx, rest)
	case "start":
		return startCommand(ctx, rest)
	case "stop":
		return stopCommand(ctx, rest)
	case "version":
		fmt.Println(kubernetesVersion())
		return nil
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("unknown command %q", arguments[0])
}

// parse reads the options of one command and refuses anything left over.
func parse(flags *flag.FlagSet, arguments []string) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

// say tells a person something; standard output is for data.
func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", values...)
}
