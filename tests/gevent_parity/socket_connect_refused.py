"""Connecting to an address at which nobody listens."""

import gevent
from gevent import socket
from gevent.socket import SO_ERROR, SOL_SOCKET, wait_write

from common import flag
from common_sockets import listener, number_name, says, undisturbed, waits

undisturbed()

kept = socket.socket()
kept.bind(("127.0.0.1", 0))
address = kept.getsockname()

client = socket.socket()
says("connect", lambda: client.connect(address))
says("connect", lambda: client.connect(address))
says("connect_ex", lambda: number_name(client.connect_ex(address)))
says("getpeername", client.getpeername)
client.settimeout(100)
says("with a timeout", lambda: client.connect(address))
says("create_connection", lambda: socket.create_connection(address))
says("create_connection", lambda: socket.create_connection(address, timeout=100))

client = socket.socket()
client.setblocking(False)
number = client.connect_ex(address)
print("begun:", flag(number_name(number) in ("EINPROGRESS", "ECONNREFUSED")))
wait_write(client.fileno())
says("SO_ERROR", lambda: number_name(client.getsockopt(SOL_SOCKET, SO_ERROR)))
says("SO_ERROR", lambda: number_name(client.getsockopt(SOL_SOCKET, SO_ERROR)))

# The same socket can connect to somebody else, when the system has forgotten the failure.
server = listener()
client = socket.socket()
says("refused", lambda: client.connect(address))
says("somebody else", lambda: client.connect(server.getsockname()))
says("somebody else", lambda: client.connect(server.getsockname()))
client.sendall(b"hello")
says("received", lambda: server.accept()[0].recv(10))

# Several at once.
joined = [waits(what, socket.socket(), lambda s: s.connect(address)) for what in ("one", "two", "three")]
gevent.joinall(joined)
kept.close()
says("no port", lambda: socket.create_connection(("127.0.0.1", 0)))
