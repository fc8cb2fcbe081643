package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	directoryPattern = "plumbline-cluster-"
	// A directory younger than this may belong to a supervisor that has not yet locked it.
	abandonedAge = time.Minute
)

// createDirectory gives an empty directory for the data of one control plane.
func createDirectory(wanted string) (string, error) {
	if wanted != "" {
		return createGivenDirectory(wanted)
	}
	removeAbandoned()
	directory, err := os.MkdirTemp("", directoryPattern)
	if err != nil {
		return "", fmt.Errorf("create a directory for the data: %w", err)
	}
	if err := lockDirectory(directory); err != nil {
		return "", err
	}
	return directory, nil
}

// createGivenDirectory refuses a directory with something in it, since everything in it is removed at the end.
func createGivenDirectory(wanted string) (string, error) {
	directory, err := filepath.Abs(wanted)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", wanted, err)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return "", fmt.Errorf("create the directory for the data: %w", err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return "", fmt.Errorf("look into the directory for the data: %w", err)
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty, and it would be removed at the end", directory)
	}
	return directory, nil
}

func lockFile(directory string) string { return filepath.Join(directory, "supervisor.lock") }

// lockDirectory marks the directory as used for as long as this program runs.
func lockDirectory(directory string) error {
	// Never closed: the lock ends with the program. Children do not inherit it.
	file, err := os.OpenFile(lockFile(directory), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create the lock of the data: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock the data: %w", err)
	}
	lockedDirectories = append(lockedDirectories, file)
	return nil
}

// lockedDirectories keeps the files reachable, since a file that is collected is closed.
var lockedDirectories []*os.File

// removeAbandoned removes what supervisors left that were killed before they could remove it. It is a courtesy: failures,
// such as the directories of other users, are passed over.
func removeAbandoned() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), directoryPattern+"*", filepath.Base(lockFile(""))))
	for _, lock := range locks {
		status, err := os.Stat(lock)
		if err != nil || time.Since(status.ModTime()) < abandonedAge {
			continue
		}
		file, err := os.OpenFile(lock, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(lock))
		}
		file.Close()
	}
}
