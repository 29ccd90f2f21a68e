"""A Timeout around a call, and the timeout of the socket: the shorter one ends the call."""

import gevent
from gevent import Timeout, socket

from common import name
from common_sockets import busy_listener, connection, fill, listener, says, undisturbed

undisturbed()

client, server = connection()
a, b = socket.socketpair()
fill(a)
lonely = listener()
busy, _client = busy_listener()


def raises(what, call):
    timeout = Timeout.start_new(0.001)
    try:
        call()
    except Timeout as error:
        print(f"{what}: {name(error)} {'mine' if error is timeout else 'of another'}")
    finally:
        timeout.close()


raises("recv", lambda: client.recv(10))
raises("recv_into", lambda: client.recv_into(bytearray(10)))
raises("recvfrom", lambda: client.recvfrom(10))
raises("send", lambda: a.send(b"x"))
raises("sendall", lambda: a.sendall(b"x"))
raises("accept", lambda: lonely.accept())
raises("connect", lambda: socket.socket().connect(busy.getsockname()))
raises("create_connection", lambda: socket.create_connection(busy.getsockname()))
raises("makefile", lambda: client.makefile("rb").read(1))

client.settimeout(100)
raises("the shorter one", lambda: client.recv(10))
client.settimeout(0.001)
with Timeout(100):
    says("the socket's", lambda: client.recv(10))

# The socket is as it was.
client.settimeout(None)
server.sendall(b"data")
says("recv", lambda: client.recv(10))
reader = gevent.spawn(raises, "in a greenlet", lambda: client.recv(10))
reader.join()
client.sendall(b"still there")
says("recv", lambda: server.recv(20))
