"""Several acceptors of one address, by copies of the listener: each connection goes to one of them."""

import gevent
from gevent import socket

from common_sockets import listener, says, undisturbed, waits

undisturbed()

server = listener()
address = server.getsockname()
copies = [server, server.dup(), server.dup()]


def all_accept():
    acceptors = [waits(f"acceptor {n}", copy, lambda s: s.accept()[0].recv(20)) for n, copy in enumerate(copies)]
    gevent.sleep(0.001)  # the system has been asked for all of them
    return acceptors


clients = []
acceptors = all_accept()
for n in range(3):
    client = socket.create_connection(address)
    client.sendall(f"client {n}".encode())
    clients.append(client)
    gevent.wait(acceptors, count=n + 1)

# Those in the queue come in their order.
for n in range(3):
    client = socket.create_connection(address)
    client.sendall(f"queued {n}".encode())
    clients.append(client)
for copy in copies:
    says("accept", lambda: copy.accept()[0].recv(20))

# A killed acceptor takes nothing away.
acceptors = all_accept()
acceptors[2].kill()
client = socket.create_connection(address)
client.sendall(b"for another one")
gevent.wait(acceptors[:2], count=1)
gevent.killall(acceptors)

# One of them is closed: the others go on.
acceptors = all_accept()
copies[1].close()
acceptors[1].join()
client = socket.create_connection(address)
client.sendall(b"and now")
gevent.wait([acceptors[0], acceptors[2]], count=1)
gevent.killall(acceptors)
