"""Closing a socket gives EBADF to those who wait for data, and to everybody afterwards."""

import gevent
from gevent import socket

from common_sockets import connection, says, undisturbed, waits

undisturbed()

for what, call in [
    ("recv", lambda s: s.recv(10)),
    ("recv_into", lambda s: s.recv_into(bytearray(10))),
    ("recvfrom", lambda s: s.recvfrom(10)[0]),
    ("recvfrom_into", lambda s: s.recvfrom_into(bytearray(10))[0]),
    ("peek", lambda s: s.recv(10, socket.MSG_PEEK)),
]:
    client, server = connection()
    reader = waits(what, client, call)
    gevent.sleep(0)
    client.close()
    print("closed", client.fileno())
    gevent.sleep(0)
    reader.join()
    says("again", lambda: call(client))
    says("the other side", lambda: server.recv(10))

# Data that have come before are not read any more.
client, server = connection()
reader = waits("late", client, lambda s: s.recv(10))
gevent.sleep(0)
server.sendall(b"data")
client.close()
client.close()
reader.join()

# The reader can be the one that closes.
client, server = connection()
reader = waits("woken", server, lambda s: (s.recv(10), s.close())[0])
gevent.sleep(0)
client.sendall(b"bye")
says("the end", lambda: client.recv(10))
reader.join()
says("closed", lambda: server.recv(10))
