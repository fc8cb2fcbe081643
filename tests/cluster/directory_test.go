package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAGivenDirectoryWithContentIsRefused(t *testing.T) {
	directory := t.TempDir()
	if _, err := createDirectory(directory); err != nil {
		t.Errorf("an empty directory is refused: %v", err)
	}
	if err := os.WriteFile(filepath.Join(directory, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := createDirectory(directory); err == nil {
		t.Error("a directory with content would be removed at the end")
	}
}

func TestADirectoryThatIsInUseIsNotSweptAndAnAbandonedOneIs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	used, err := createDirectory("")
	if err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(os.TempDir(), directoryPattern+"abandoned")
	if err := os.Mkdir(abandoned, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lockFile(abandoned), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * abandonedAge)
	for _, directory := range []string{used, abandoned} {
		if err := os.Chtimes(lockFile(directory), long, long); err != nil {
			t.Fatal(err)
		}
	}
	removeAbandoned()
	if _, err := os.Stat(used); err != nil {
		t.Errorf("a directory in use was removed: %v", err)
	}
	if _, err := os.Stat(abandoned); err == nil {
		t.Error("an abandoned directory was left")
	}
}
