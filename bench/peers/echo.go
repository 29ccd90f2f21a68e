// The echo servers of echo.rs, in Go: echo TRANSPORT:ADDRESS BYTES.
package main

import (
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
)

func echo(connection net.Conn, bytes int) {
	defer connection.Close()
	buffer := make([]byte, bytes)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func echoDatagrams(address string, bytes int) error {
	parsed, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp", parsed)
	if err != nil {
		return err
	}
	buffer := make([]byte, bytes)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if _, err := socket.WriteToUDPAddrPort(buffer[:n], from); err != nil {
			return err
		}
	}
}

func serve(transport string, address string, bytes int) error {
	if transport == "udp" {
		return echoDatagrams(address, bytes)
	}
	listener, err := net.Listen(transport, address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go echo(connection, bytes)
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	transport, address, _ := strings.Cut(os.Args[1], ":")
	bytes, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = serve(transport, address, bytes)
	}
	panic(err)
}
