"""Clients that have come before the server accepts are handled in their order, however the handlers are spawned."""

import gevent
from gevent import socket
from gevent.server import StreamServer

numbers = {}


def handle(client, address):
    print(f"client {numbers[address[1]]}")


CASES = [("greenlets", gevent.spawn, 100), ("raw", gevent.spawn_raw, 2), ("pool", 1, 100), ("hub", None, 2)]
for label, spawn, max_accept in CASES:
    print(f"{label}:")
    server = StreamServer(("127.0.0.1", 0), handle, spawn=spawn)
    server.max_accept = max_accept
    server.init_socket()
    clients = []
    for number in range(5):
        client = socket.create_connection(("127.0.0.1", server.server_port))
        numbers[client.getsockname()[1]] = number
        clients.append(client)
    print("they have come")
    server.start()
    for client in clients:
        client.recv(1)
    server.stop()
