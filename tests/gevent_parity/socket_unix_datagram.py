"""Unix datagrams at abstract names."""

import os

import gevent
from gevent import socket
from gevent.socket import AF_UNIX, MSG_PEEK, SOCK_DGRAM, SOCK_STREAM

from common import flag
from common_sockets import fill, says, undisturbed, waits

undisturbed()

name = f"\0gevent parity {os.getpid()}"


def unix():
    return socket.socket(AF_UNIX, SOCK_DGRAM)


server = unix()
server.bind(name)
client = unix()
reader = waits("recvfrom", server, lambda s: s.recvfrom(10)[0])
gevent.sleep(0)
says("sendto", lambda: client.sendto(b"hello", name))
reader.join()
client.sendto(b"no name", name)
print("no name:", flag(server.recvfrom(10)[1] is None))
client.bind(name + " client")
client.sendto(b"name", name)
data, address = server.recvfrom(10)
print("name:", flag(address == client.getsockname()))
says("answer", lambda: server.sendto(b"answer", address))
says("peek", lambda: client.recvfrom(3, MSG_PEEK)[0])
says("answer", lambda: client.recv(10))

says("nobody", lambda: client.sendto(b"x", name + " nobody"))
stream = socket.socket(AF_UNIX, SOCK_STREAM)
stream.bind(name + " stream")
says("another type", lambda: client.sendto(b"x", name + " stream"))
says("where to?", lambda: client.send(b"x"))

# Connected, a full receiver lets the sender wait.
client.connect(name)
fill(client)
sender = waits("sender", client, lambda s: s.send(b"last"))
gevent.sleep(0)
print("waits:", flag(not sender.ready()))
while not sender.ready():
    server.recv(4096)
    gevent.sleep(0)

# A pair, and its end.
a, b = socket.socketpair(AF_UNIX, SOCK_DGRAM)
a.send(b"one")
a.send(b"")
says("recv", lambda: b.recv(10))
says("recv", lambda: b.recv(10))
reader = waits("reader", b, lambda s: s.recv(10))
gevent.sleep(0)
a.send(b"two")
reader.join()
a.close()
says("nobody", lambda: b.send(b"x"))
