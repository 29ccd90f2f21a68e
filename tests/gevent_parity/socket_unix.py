"""Unix sockets at abstract names."""

import os

import gevent
from gevent import socket
from gevent.socket import AF_UNIX, SOCK_STREAM

from common import flag
from common_sockets import says, undisturbed, waits

undisturbed()

name = f"\0gevent parity {os.getpid()}"


def unix():
    return socket.socket(AF_UNIX, SOCK_STREAM)


says("nobody", lambda: unix().connect(name))
says("no file", lambda: unix().connect("/nothing/there"))
server = unix()
print("no name:", flag(server.getsockname() == ""))
server.bind(name)
print("name:", flag(server.getsockname() == name.encode()))
says("in use", lambda: unix().bind(name))
says("not yet", lambda: unix().connect(name))
server.listen(1)
acceptor = waits("acceptor", server, lambda s: s.accept()[0].recv(10))
gevent.sleep(0)
client = unix()
client.connect(name)
print("peer:", flag(client.getpeername() == name.encode()), flag(client.getsockname() == ""))
client.sendall(b"hello")
acceptor.join()
says("connected", lambda: client.recv(10))

# The name is free when the listener is closed. Those in its queue are told.
waiting = unix()
waiting.connect(name)
acceptor = waits("acceptor", server, lambda s: s.accept()[1] == "")
acceptor.join()
waiting = unix()
waiting.connect(name)
server.close()
says("queued", lambda: waiting.recv(10))
says("nobody", lambda: unix().connect(name))
again = unix()
again.bind(name)
print("name:", flag(again.getsockname() == name.encode()))
says("not connected", lambda: again.getpeername())
says("not connected", lambda: again.recv(10))
says("not connected", lambda: again.send(b"x"))
