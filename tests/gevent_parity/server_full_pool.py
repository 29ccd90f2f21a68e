"""While the pool is full, clients wait; each handler that ends lets one of them in."""

import gevent
from gevent import socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer

from common import flag

pool = Pool(2)
go_on = [Event() for _ in range(4)]
begun = []


def handle(client, address):
    number = len(begun)
    begun.append(number)
    print(f"begins: {number}, full: {flag(pool.full())}")
    client.sendall(b"x")
    go_on[number].wait()
    print(f"ends: {number}")


server = StreamServer(("127.0.0.1", 0), handle, spawn=pool)
server.start()
clients = []
for _ in range(2):
    clients.append(socket.create_connection(("127.0.0.1", server.server_port)))
    clients[-1].recv(1)
print(f"full: {flag(server.full())}")
for _ in range(2):
    clients.append(socket.create_connection(("127.0.0.1", server.server_port)))
gevent.sleep(0.01)
print(f"begun: {len(begun)}")
go_on[1].set()
clients[2].recv(1)
print(f"begun: {len(begun)}, full: {flag(server.full())}")
go_on[0].set()
clients[3].recv(1)
print(f"begun: {len(begun)}, full: {flag(server.full())}")
go_on[2].set()
clients[2].recv(1)
gevent.sleep(0)
print(f"full: {flag(server.full())}, in the pool: {len(pool)}")
go_on[3].set()
server.stop()
print(f"in the pool: {len(pool)}")
