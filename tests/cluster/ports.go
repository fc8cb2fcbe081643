package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// reservePort takes a free port of 127.0.0.1 for a program that will listen there with SO_REUSEPORT, and keeps it for as long as
// this program runs. The socket is bound but never listens: connections are refused while that program is down, and nobody
// else, nor the kernel for an outgoing connection, takes the port before it is back.
func reservePort() (int, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	port, err := bindLoopback(socket)
	if err != nil {
		unix.Close(socket)
		return 0, fmt.Errorf("reserve a port of 127.0.0.1: %w", err)
	}
	return port, nil
}

func bindLoopback(socket int) (int, error) {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	bound, ok := address.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("the socket is bound to %T", address)
	}
	return bound.Port, nil
}
