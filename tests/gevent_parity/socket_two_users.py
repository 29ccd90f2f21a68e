"""One greenlet at a time reads, and one writes. The second gets an error, and the first does not notice."""

import gevent
from gevent import socket

from common_sockets import connection, drain, fill, listener, says, undisturbed, waits

undisturbed()

client, server = connection()
reader = waits("first", client, lambda s: s.recv(10))
gevent.sleep(0)
says("recv", lambda: client.recv(10))
says("recv_into", lambda: client.recv_into(bytearray(10)))
says("recvfrom", lambda: client.recvfrom(10))
second = waits("second greenlet", client, lambda s: s.recv(10))
second.join()
says("send", lambda: client.send(b"while somebody reads"))
server.sendall(b"data")
reader.join()
server.sendall(b"more")
says("then", lambda: client.recv(10))

# Data that are there need no waiting.
reader = waits("first", client, lambda s: s.recv(10))
gevent.sleep(0)
server.sendall(b"taken")
says("second", lambda: client.recv(10))
gevent.sleep(0)
server.sendall(b"left")
reader.join()

a, b = socket.socketpair()
fill(a)
writer = waits("first", a, lambda s: s.send(b"x"))
gevent.sleep(0)
says("send", lambda: a.send(b"x"))
says("sendall", lambda: a.sendall(b"x"))
reader = waits("reader", a, lambda s: s.recv(10))
gevent.sleep(0)
drain(b)
writer.join()
b.sendall(b"answer")
reader.join()

lonely = listener()
acceptor = waits("accept", lonely, lambda s: s.accept()[0].recv(10))
gevent.sleep(0)
says("accept", lambda: lonely.accept())
acceptor.kill()
lonely.settimeout(0.001)
says("with a timeout", lambda: lonely.accept())

# Who is killed gives the socket free.
reader = waits("killed", client, lambda s: s.recv(10))
gevent.sleep(0)
reader.kill()
reader = waits("next", client, lambda s: s.recv(10))
gevent.sleep(0)
client.close()
reader.join()
