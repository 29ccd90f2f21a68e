"""A server with a pool gives its handlers time to end, and kills those that do not."""

import gevent
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from common import flag, name

begun = Event()
go_on = Event()


def handle(client, address):
    begun.set()
    try:
        go_on.wait()
        client.sendall(b"reply")
        print("handler: replied")
    except BaseException as error:
        print(f"handler: {name(error)}")
        raise


server = StreamServer(("127.0.0.1", 0), handle, spawn=2)
server.start()
client = socket.create_connection(("127.0.0.1", server.server_port))
begun.wait()
stopping = gevent.spawn(server.stop, timeout=100)
gevent.sleep(0)
print(f"started: {flag(server.started)}, stopped: {flag(stopping.ready())}")
go_on.set()
stopping.get()
print(f"stopped, in the pool: {len(server.pool)}, client: {len(client.recv(10))} bytes")

begun.clear()
go_on.clear()
server = StreamServer(("127.0.0.1", 0), handle, spawn=2)
server.start()
client = socket.create_connection(("127.0.0.1", server.server_port))
begun.wait()
server.stop(timeout=0.01)
print(f"stopped, in the pool: {len(server.pool)}, client: {len(client.recv(10))} bytes")

begun.clear()
server = StreamServer(("127.0.0.1", 0), handle, spawn=2)
server.stop_timeout = 0.01
server.start()
client = socket.create_connection(("127.0.0.1", server.server_port))
begun.wait()
server.stop()
server.stop()
print(f"stopped, in the pool: {len(server.pool)}, client: {len(client.recv(10))} bytes")
