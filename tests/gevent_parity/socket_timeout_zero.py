"""Without waiting: what cannot go on at once fails."""

from gevent import socket
from gevent.socket import SO_ERROR, SOL_SOCKET, wait_read, wait_write

from common import flag
from common_sockets import connection, fill, listener, number_name, says, undisturbed

undisturbed()

client, server = connection()
client.setblocking(False)
print("blocking:", flag(client.getblocking()), client.gettimeout())
says("recv", lambda: client.recv(10))
says("recv_into", lambda: client.recv_into(bytearray(10)))
says("recvfrom", lambda: client.recvfrom(10)[0])
says("recvfrom_into", lambda: client.recvfrom_into(bytearray(10))[0])
server.sendall(b"data")
wait_read(client.fileno())
says("data", lambda: client.recv(10))
says("nothing", lambda: client.recv(10))

a, b = socket.socketpair()
fill(a)
a.setblocking(False)
says("send", lambda: a.send(b"x"))
says("sendall", lambda: a.sendall(b"x"))

lonely = listener()
lonely.settimeout(0)
says("accept", lambda: lonely.accept())
connecting = socket.socket()
connecting.setblocking(False)
says("connect", lambda: connecting.connect(lonely.getsockname()))
wait_write(connecting.fileno())
says("result", lambda: number_name(connecting.getsockopt(SOL_SOCKET, SO_ERROR)))
says("again", lambda: number_name(connecting.connect_ex(lonely.getsockname())))
accepted, address = lonely.accept()
print("accepted:", flag(address == connecting.getsockname()), accepted.gettimeout())
says("connected", lambda: connecting.connect(lonely.getsockname()))

connecting = socket.socket()
connecting.setblocking(False)
says("connect_ex", lambda: number_name(connecting.connect_ex(lonely.getsockname())))
connecting.setblocking(True)
print("blocking:", flag(connecting.getblocking()), connecting.gettimeout())
accepted = lonely.accept()[0]
connecting.sendall(b"hello")
says("hello", lambda: accepted.recv(10))
