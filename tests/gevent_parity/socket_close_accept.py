"""Closing a listener gives EBADF to the acceptor. A copy of it goes on, and those in its queue are served."""

import gevent
from gevent import socket

from common_sockets import listener, says, undisturbed, waits

undisturbed()

server = listener()
address = server.getsockname()
acceptor = waits("accept", server, lambda s: s.accept()[0].recv(10))
gevent.sleep(0)
server.close()
print("closed")
acceptor.join()
says("again", lambda: server.accept())
says("connect", lambda: socket.create_connection(address))

server = listener()
address = server.getsockname()
copy = server.dup()
first = waits("accept", server, lambda s: s.accept()[0].recv(10))
second = waits("copy", copy, lambda s: s.accept()[0].recv(10))
gevent.sleep(0)
server.close()
first.join()
client = socket.create_connection(address)
client.sendall(b"hello")
second.join()

waiting = socket.create_connection(address)
waiting.sendall(b"in the queue")
says("queued", lambda: copy.accept()[0].recv(20))
forgotten = socket.create_connection(address)
copy.close()
says("forgotten", lambda: forgotten.recv(10))
