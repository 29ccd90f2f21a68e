"""Where handlers run can be changed while the server runs."""

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from common import flag


def handle(client, address):
    current = gevent.getcurrent()
    if current is gevent.get_hub():
        print("in the hub")
    else:
        print("in a Greenlet" if isinstance(current, gevent.Greenlet) else "in a raw greenlet")


def ask(label):
    print(f"{label}: pool: {flag(server.pool is not None)}")
    client = socket.create_connection(("127.0.0.1", server.server_port))
    print(f"{len(client.recv(1))} bytes")


server = StreamServer(("127.0.0.1", 0), handle)
server.start()
ask("by default")
server.set_spawn(gevent.spawn_raw)
ask("raw")
server.set_spawn(1)
ask("one place")
print(f"full: {flag(server.full())}")
shared = Pool(2)
server.set_spawn(shared)
ask("a pool")
print(f"its pool is the given one: {flag(server.pool is shared)}")
server.set_spawn(None)
ask("none")


def spawn(function, *args):
    print("spawns")
    function(*args)


server.set_spawn(spawn)
ask("a function")


def spawn_later(function, *args):
    print("spawns")
    gevent.spawn_later(0.001, function, *args)


server.set_spawn(spawn_later)
ask("another function")
server.stop()
