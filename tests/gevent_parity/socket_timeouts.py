"""The timeout of a socket ends each of its calls."""

import gevent
from gevent import socket

from common_sockets import busy_listener, connection, drain, fill, listener, number_name, says, undisturbed

undisturbed()

client, server = connection()
client.settimeout(0.001)
says("recv", lambda: client.recv(10))
says("recv_into", lambda: client.recv_into(bytearray(10)))
says("recvfrom", lambda: client.recvfrom(10)[0])
says("recvfrom_into", lambda: client.recvfrom_into(bytearray(10))[0])
says("peek", lambda: client.recv(10, socket.MSG_PEEK))
server.sendall(b"data")
says("data", lambda: client.recv(10))
says("recv", lambda: client.recv(10))
client.settimeout(None)
gevent.spawn_later(0.01, server.sendall, b"later")
says("no timeout", lambda: client.recv(10))

a, b = socket.socketpair()
fill(a)
a.settimeout(0.001)
says("send", lambda: a.send(b"x"))
says("sendall", lambda: a.sendall(b"x"))
drain(b)
says("room", lambda: a.send(b"x"))
says("room", lambda: a.sendall(b"yz"))
says("received", lambda: b.recv(10))

lonely = listener()
lonely.settimeout(0.001)
says("accept", lambda: lonely.accept())
socket.create_connection(lonely.getsockname())
accepted = lonely.accept()[0]
print("accepted:", accepted.gettimeout(), lonely.gettimeout())

busy, _client = busy_listener()
connecting = socket.socket()
connecting.settimeout(0.001)
says("connect", lambda: connecting.connect(busy.getsockname()))
connecting = socket.socket()
connecting.settimeout(0.001)
says("connect_ex", lambda: number_name(connecting.connect_ex(busy.getsockname())))
says("create_connection", lambda: socket.create_connection(busy.getsockname(), timeout=0.001))

udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
udp.settimeout(0.001)
says("udp recv", lambda: udp.recv(10))
says("udp recvfrom", lambda: udp.recvfrom(10)[0])
says("udp recvfrom_into", lambda: udp.recvfrom_into(bytearray(10))[0])
