"""A changed timeout holds from the next wait on, of calls that are under way, too."""

import gevent
from gevent import socket

from common_sockets import connection, drain, fill, says, undisturbed, waits

undisturbed()

client, server = connection()
reader = waits("waits for ever", client, lambda s: s.recv(10))
gevent.sleep(0)
client.settimeout(0.001)
gevent.sleep(0.01)
server.sendall(b"data")
reader.join()
says("the next one", lambda: client.recv(10))

client.settimeout(0.001)
reader = waits("waits a little", client, lambda s: s.recv(10))
gevent.sleep(0)
client.settimeout(None)
reader.join()

# Two copies are woken by the same data. One has it; the other one is to wait again.
copy = server.dup()
first = waits("first", server, lambda s: s.recv(10))
second = waits("second", copy, lambda s: s.recv(10))
gevent.sleep(0)
server.setblocking(False)
copy.setblocking(False)
client.sendall(b"one")
gevent.joinall([first, second])

server.setblocking(True)
copy.setblocking(True)
first = waits("first", server, lambda s: s.recv(10))
second = waits("second", copy, lambda s: s.recv(10))
gevent.sleep(0)
server.settimeout(0.001)
copy.settimeout(0.001)
client.sendall(b"two")
gevent.joinall([first, second])

# sendall has the timeout that it has begun with.
a, b = socket.socketpair()
fill(a)
sender = waits("sendall", a, lambda s: s.sendall(bytes(1_000_000)))
gevent.sleep(0)
a.settimeout(100)
while not sender.ready():
    drain(b)
    gevent.sleep(0.001)
print("timeout:", a.gettimeout())
