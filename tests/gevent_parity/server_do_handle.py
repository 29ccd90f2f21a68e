"""A connection that the server has not accepted is handled, and closed, by do_handle."""

import gevent
from gevent import socket
from gevent.server import StreamServer

from common import name


def handle(client, address):
    client.sendall(b"x")
    print("handled")


def fails(client, address):
    raise ValueError("on purpose")


def spawn(function, *args):
    raise KeyError("no place")


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(5)


def ask(label):
    client = socket.create_connection(listener.getsockname())
    accepted, address = listener.accept()
    try:
        server.do_handle(accepted, address)
        print(f"{label}: done")
    except Exception as error:
        print(f"{label}: {name(error)}")
    print(f"{len(client.recv(10))} bytes")
    print(f"then {len(client.recv(10))} bytes")


server = StreamServer(("127.0.0.1", 0), handle)
server.init_socket()
ask("greenlet")
server.set_spawn(gevent.spawn_raw)
ask("raw")
server.set_spawn(1)
ask("pool")
server.set_spawn(None)
ask("none")
server.set_handle(fails)
server.init_socket()
ask("none, fails")
server.set_spawn(spawn)
ask("no place")
server.close()
