"""Copies of a socket: each may have its own reader, and is closed on its own."""

import gevent
from gevent import socket

from common import flag
from common_sockets import connection, says, undisturbed, waits

undisturbed()

client, server = connection()
server.settimeout(7)
copy = server.dup()
print("timeout:", copy.gettimeout(), flag(copy.fileno() != server.fileno()))
server.settimeout(None)
print("timeout:", copy.gettimeout())
copy.settimeout(None)

# Both are woken, and one has the data. The other one waits again.
first = waits("original", server, lambda s: s.recv(10))
second = waits("copy", copy, lambda s: s.recv(10))
gevent.sleep(0)
client.sendall(b"one")
gevent.wait([first, second], count=1)
client.sendall(b"two")
gevent.joinall([first, second])

# Closing one of them ends its reader only.
first = waits("original", server, lambda s: s.recv(10))
second = waits("copy", copy, lambda s: s.recv(10))
gevent.sleep(0)
server.close()
first.join()
client.sendall(b"three")
second.join()
says("send", lambda: copy.send(b"answer"))
says("recv", lambda: client.recv(10))
says("closed", lambda: server.dup())

# The connection ends with the last copy.
last = copy.dup()
copy.close()
reader = waits("client", client, lambda s: s.recv(10))
gevent.sleep(0)
print("ended:", flag(reader.ready()))
last.close()
reader.join()

# Shutting down is for all of them.
client, server = connection()
copy = server.dup()
server.close()
copy.shutdown(socket.SHUT_WR)
says("the end", lambda: client.recv(10))
