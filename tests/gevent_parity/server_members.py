"""What a server tells of itself before it is started, while it runs, and after it is stopped."""

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from common import flag


def port(number):
    return {None: "none", 0: "zero"}.get(number, "some")


def show(label, server):
    print(
        f"{label}: started: {flag(server.started)}, closed: {flag(server.closed)}, full: {flag(server.full())}, "
        f"pool: {flag(server.pool is not None)}, at {server.server_host}, port: {port(server.server_port)}"
    )


server = StreamServer(("127.0.0.1", 0), lambda *args: None)
show("new", server)
server.start()
show("started", server)
before = server.server_port
server.stop()
show("stopped", server)
print(f"the same port: {flag(server.server_port == before)}")

server = StreamServer(("127.0.0.1", 1234), lambda *args: None, spawn=1)
show("limited", server)
print(server.server_port)
server.pool.spawn(gevent.sleep, 0)
show("limited and full", server)
server.pool.join()
show("limited", server)
shared = Pool(2)
server = StreamServer(("127.0.0.1", 0), lambda *args: None, spawn=shared)
print(f"its pool is the given one: {flag(server.pool is shared)}")

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(5)
server = StreamServer(listener, lambda *args: None)
show("with a listener", server)
server.start()
show("started", server)
server.stop()
show("stopped", server)

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(5)
server = StreamServer(listener, lambda *args: None)
server.close()
show("closed before the start", server)
print(f"the listener is closed: {flag(listener.fileno() == -1)}")
