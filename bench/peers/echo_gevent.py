"""The echo servers of echo.rs, in Python: echo_gevent.py TRANSPORT:ADDRESS BYTES."""

import sys

from gevent import socket
from gevent.server import DatagramServer, StreamServer

transport, address = sys.argv[1].split(":", 1)
size = int(sys.argv[2])


def echo(connection, _address):
    if transport == "tcp":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while data := connection.recv(size):
            connection.sendall(data)
    except OSError:
        pass  # the client has reset the connection


if transport == "udp":
    server = DatagramServer(address, lambda data, peer: server.sendto(data, peer))
elif transport == "unix":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(4096)
    server = StreamServer(listener, echo)
else:
    server = StreamServer(address, echo, backlog=4096)
server.serve_forever()
