"""A handler that fails is reported, its connection is closed, and the next one is served."""

import gevent
from gevent import socket
from gevent.server import StreamServer

from common import report_errors

report_errors()


def handle(client, address):
    if client.recv(1) == b"f":
        raise ValueError("on purpose")
    client.sendall(b"fine")


def in_hub(client, address):
    raise ValueError("on purpose")


def ask(request):
    client = socket.create_connection(("127.0.0.1", server.server_port))
    client.sendall(request)
    print(f"{request.decode()}: {len(client.recv(10))} bytes")
    gevent.sleep(0)


for label, spawn in [("greenlets", gevent.spawn), ("pool", 1)]:
    print(f"{label}:")
    server = StreamServer(("127.0.0.1", 0), handle, spawn=spawn)
    server.start()
    for request in [b"f", b"o", b"f", b"f", b"o"]:
        ask(request)
    server.stop()

print("hub:")
server = StreamServer(("127.0.0.1", 0), in_hub, spawn=None)
server.start()
for _ in range(2):
    client = socket.create_connection(("127.0.0.1", server.server_port))
    print(f"{len(client.recv(10))} bytes, after a failure: {server.delay:.2f}")
server.stop()
