package main

import (
	"context"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAReservedPortRefusesConnectionsAndGoesOnlyToAProgramThatShares(t *testing.T) {
	port, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if connection, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		connection.Close()
		t.Error("something listens on the reserved port")
	}
	if listener, err := net.Listen("tcp", address); err == nil {
		listener.Close()
		t.Error("a program without SO_REUSEPORT got the reserved port")
	}
	sharing := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		return socket.Control(func(descriptor uintptr) {
			_ = unix.SetsockoptInt(int(descriptor), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
	}}
	listener, err := sharing.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatalf("a program with SO_REUSEPORT cannot listen on the reserved port: %v", err)
	}
	defer listener.Close()
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		t.Fatalf("its listener is not reached: %v", err)
	}
	connection.Close()
}
