"""The echo server of echo.rs, in Python: echo_gevent.py ADDRESS."""

import socket
import sys

from gevent.server import StreamServer


def echo(connection, _address):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        data = connection.recv(4096)
        if not data:
            return
        connection.sendall(data)


StreamServer(sys.argv[1], echo, backlog=4096).serve_forever()
