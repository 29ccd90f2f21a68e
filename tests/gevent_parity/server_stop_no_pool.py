"""Without a pool, handlers go on after their server is stopped."""

import gevent
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from common import flag

begun = Event()
go_on = Event()


def handle(client, address):
    begun.set()
    go_on.wait()
    print("the handler goes on")
    client.sendall(b"reply")


for label, spawn in [("greenlets", gevent.spawn), ("raw", gevent.spawn_raw)]:
    print(f"{label}:")
    begun.clear()
    go_on.clear()
    server = StreamServer(("127.0.8.2", 0), handle, spawn=spawn)
    server.start()
    client = socket.create_connection(("127.0.8.2", server.server_port))
    begun.wait()
    server.stop()
    print(f"started: {flag(server.started)}, closed: {flag(server.closed)}")
    try:
        socket.create_connection(("127.0.8.2", server.server_port))
    except ConnectionRefusedError:
        print("others are refused")
    go_on.set()
    print(f"client: {client.recv(10).decode()}")
    print(f"then: {len(client.recv(10))} bytes")
