"""Each call on a closed socket."""

from gevent import socket
from gevent.socket import SHUT_RDWR, SO_ERROR, SO_REUSEADDR, SOL_SOCKET

from common import flag
from common_sockets import connection, listener, number_name, says, undisturbed

undisturbed()

server = listener()
closed, _other = connection()
closed.close()
says("close", closed.close)
print("fileno:", closed.fileno())
for what, call in [
    ("recv", lambda s: s.recv(10)),
    ("recv of 0", lambda s: s.recv(0)),
    ("recv_into", lambda s: s.recv_into(bytearray(10))),
    ("recvfrom", lambda s: s.recvfrom(10)),
    ("recvfrom_into", lambda s: s.recvfrom_into(bytearray(10))),
    ("send", lambda s: s.send(b"x")),
    ("sendall", lambda s: s.sendall(b"x")),
    ("sendto", lambda s: s.sendto(b"x", server.getsockname())),
    ("accept", lambda s: s.accept()),
    ("bind", lambda s: s.bind(("127.0.0.1", 0))),
    ("listen", lambda s: s.listen(1)),
    ("connect", lambda s: s.connect(server.getsockname())),
    ("connect_ex", lambda s: number_name(s.connect_ex(server.getsockname()))),
    ("getsockname", lambda s: s.getsockname()),
    ("getpeername", lambda s: s.getpeername()),
    ("getsockopt", lambda s: s.getsockopt(SOL_SOCKET, SO_ERROR)),
    ("setsockopt", lambda s: s.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)),
    ("shutdown", lambda s: s.shutdown(SHUT_RDWR)),
    ("dup", lambda s: s.dup()),
]:
    says(what, lambda: call(closed))
closed.settimeout(0.5)
print("timeout:", closed.gettimeout(), flag(closed.getblocking()))
closed.setblocking(False)
print("timeout:", closed.gettimeout(), flag(closed.getblocking()))
says("recv", lambda: closed.recv(10))
print("kind:", flag((closed.family, closed.type, closed.proto) == (socket.AF_INET, socket.SOCK_STREAM, 6)))
