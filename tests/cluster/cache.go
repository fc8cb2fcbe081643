package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A cache is a folder of built programs. Beside each program lies a stamp, written last, that says from what it was built and
// how many bytes it has; a program whose stamp does not fit is built again, so an interrupted build or a cut file heals.
type cache struct {
	folder string
	source string
	// compile builds a program into the file `to` and proves that it runs.
	compile func(ctx context.Context, source string, p program, to string) error
}

// complete builds every program that is missing. Callers at the same time wait for the first.
func (c cache) complete(ctx context.Context, wanted []program) error {
	missing, err := c.missing(wanted)
	if err != nil || len(missing) == 0 {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	// Another process may have built them while this one waited.
	if missing, err = c.missing(wanted); err != nil {
		return err
	}
	if len(missing) > 3 {
		say("building %d programs of Kubernetes %s from source into %s; about 6 minutes on two cores, once", len(missing), kubernetesVersion(), c.folder)
	}
	for number, p := range missing {
		say("building %s (%d of %d)", p.name, number+1, len(missing))
		if err := c.install(ctx, p); err != nil {
			return fmt.Errorf("build %s: %w", p.name, err)
		}
	}
	return nil
}

func (c cache) missing(wanted []program) ([]program, error) {
	var missing []program
	for _, p := range wanted {
		recipe, err := p.recipe(c.source)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(c.folder, p.name)
		stamp, err := stampText(recipe, file)
		if err != nil {
			missing = append(missing, p)
			continue
		}
		recorded, err := os.ReadFile(stampOf(file))
		if err != nil || string(recorded) != stamp {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// install builds one program under a temporary name and moves it into place, so that nobody ever runs half a program and a
// program that is running now keeps its file.
func (c cache) install(ctx context.Context, p program) error {
	recipe, err := p.recipe(c.source)
	if err != nil {
		return err
	}
	file := filepath.Join(c.folder, p.name)
	partial := file + ".partial"
	defer os.Remove(partial)
	if err := c.compile(ctx, c.source, p, partial); err != nil {
		return err
	}
	// The old stamp must not vouch for the new file.
	if err := os.Remove(stampOf(file)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the old stamp: %w", err)
	}
	if err := os.Rename(partial, file); err != nil {
		return fmt.Errorf("move the program into place: %w", err)
	}
	stamp, err := stampText(recipe, file)
	if err != nil {
		return err
	}
	return writeWhole(stampOf(file), []byte(stamp))
}

// lock gives the only right to build into this folder, waiting for whoever has it. The kernel releases it when its holder dies.
func (c cache) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(c.folder, 0o755); err != nil {
		return nil, fmt.Errorf("create the cache: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(c.folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the cache: %w", err)
	}
	for waiting := false; ; waiting = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			file.Close()
			return nil, fmt.Errorf("lock the cache: %w", err)
		}
		if !waiting {
			say("another process is building into %s; waiting for it", c.folder)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for the lock of the cache: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func stampOf(file string) string { return file + ".stamp" }

// stampText is what the stamp of a whole program says. The size is enough to notice a cut file, and takes no time.
func stampText(recipe, file string) (string, error) {
	status, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("look at the built program: %w", err)
	}
	return fmt.Sprintf("%s %d\n", recipe, status.Size()), nil
}

// intact tells whether a program is as long as its stamp says, whatever it was built from.
func intact(file string) bool {
	stamp, err := os.ReadFile(stampOf(file))
	if err != nil {
		return false
	}
	recipe, _, _ := strings.Cut(string(stamp), " ")
	expected, err := stampText(recipe, file)
	return err == nil && string(stamp) == expected
}

// writeWhole writes a file that readers see whole or not at all.
func writeWhole(path string, content []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("move %s into place: %w", path, err)
	}
	return nil
}
