"""After an error of starting a handler the server pauses, longer each time, and a success makes the pause short again."""

import gevent
from gevent import socket
from gevent.server import StreamServer

from common import report_errors

report_errors()
fails = True


def handle(client, address):
    client.sendall(b"fine")


def spawn(function, *args):
    if fails:
        raise ValueError("on purpose")
    gevent.spawn(function, *args)


def ask():
    client = socket.create_connection(("127.0.0.1", server.server_port))
    print(f"{len(client.recv(10))} bytes, next delay: {server.delay:.4f}")


server = StreamServer(("127.0.0.1", 0), handle, spawn=spawn)
print(f"{server.min_delay:.4f}, {server.max_delay:.4f}, {server.delay:.4f}")
server.min_delay = 0.002
server.start()
ask()
ask()
server.max_delay = 0.003
ask()
fails = False
ask()
fails = True
server.min_delay = 0.001
ask()
server.stop()
