"""create_server of a patched module."""

import gevent.monkey

gevent.monkey.patch_socket()

import socket
from socket import SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET

import gevent

from common import flag, name
from common_sockets import says, undisturbed, waits

undisturbed()

server = socket.create_server(("127.0.0.1", 0))
print("reuse:", flag(server.getsockopt(SOL_SOCKET, SO_REUSEADDR) != 0), flag(server.getsockopt(SOL_SOCKET, SO_REUSEPORT) != 0))
print("family:", flag(server.family == socket.AF_INET), server.gettimeout())
acceptor = waits("accept", server, lambda s: s.accept()[0].recv(10))
gevent.sleep(0)
client = socket.create_connection(server.getsockname())
client.sendall(b"hello")
acceptor.join()

says("in use", lambda: socket.create_server(server.getsockname()))
says("in use", lambda: socket.create_server(server.getsockname(), reuse_port=True))
first = socket.create_server(("127.0.0.1", 0), reuse_port=True)
second = socket.create_server(first.getsockname(), reuse_port=True)
print("the same port:", flag(first.getsockname() == second.getsockname()))
print("reuse:", flag(second.getsockopt(SOL_SOCKET, SO_REUSEPORT) != 0))

# The port is free again, although there was a connection.
address = server.getsockname()
server.close()
again = socket.create_server(address, backlog=1)
acceptor = waits("accept", again, lambda s: s.accept()[0].recv(10))
client = socket.create_connection(address)
client.sendall(b"again")
acceptor.join()

for family in socket.AF_INET, socket.AF_INET6:
    try:
        both = socket.create_server(("", 0), family=family, dualstack_ipv6=True)
        client = socket.create_connection(("127.0.0.1", both.getsockname()[1]))
        print("both:", flag(both.accept()[1][0].endswith("127.0.0.1")))
    except ValueError as error:
        print(error)
