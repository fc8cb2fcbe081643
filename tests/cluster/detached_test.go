package main

import (
	"os"
	"testing"
)

func TestAPIDGivenToAnotherProcessIsNotTheRecordedOne(t *testing.T) {
	status, err := readProcessStatus(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if recorded := (record{os.Getpid(), status.startTime}); !recorded.alive() {
		t.Error("this process does not count as alive")
	}
	if recorded := (record{os.Getpid(), status.startTime + "1"}); recorded.alive() {
		t.Error("a process that began at another time counts as the recorded one")
	}
}
