"""Files of a socket: what is sent when, and what is closed with what."""

import gevent
from gevent import socket

from common import flag
from common_sockets import says, undisturbed, waits

undisturbed()

# What is written is sent when the file is flushed or closed.
a, b = socket.socketpair()
file = a.makefile("wb")
file.write(b"one ")
b.setblocking(False)
says("not yet", lambda: b.recv(10))
file.flush()
says("flushed", lambda: b.recv(10))
file.write(b"two")
file.close()
says("closed", lambda: b.recv(10))
says("socket", lambda: a.send(b"three"))
says("socket", lambda: b.recv(10))

# More than there is room for goes out before.
file = a.makefile("wb", buffering=8)
file.write(b"1234567")
says("not yet", lambda: b.recv(100))
file.write(b"89")
says("some", lambda: b.recv(100))
file.write(b"a long text that goes out itself")
says("all", lambda: b.recv(100))
file.close()
unbuffered = a.makefile("wb", buffering=0)
says("unbuffered", lambda: unbuffered.write(b"now"))
says("unbuffered", lambda: b.recv(10))
unbuffered.close()

# The socket is closed with its last file.
b.setblocking(True)
reading, writing = a.makefile("rb"), a.makefile("wb")
a.close()
print("open:", flag(a.fileno() >= 0))
writing.write(b"last")
writing.close()
says("last", lambda: b.recv(10))
print("open:", flag(a.fileno() >= 0))
b.sendall(b"answer")
b.shutdown(socket.SHUT_WR)
says("answer", reading.read)
reading.close()
print("open:", flag(a.fileno() >= 0))
says("the end", lambda: b.recv(10))

# Who waits in a file is woken when the other side closes.
a, b = socket.socketpair()
reader = waits("reader", a, lambda s: s.makefile("rb").read())
gevent.sleep(0)
b.sendall(b"all")
gevent.sleep(0)
b.close()
reader.join()
a.close()
