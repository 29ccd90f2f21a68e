"""Lines of a socket, one after the other, and a server of lines."""

import gevent
from gevent import socket

from common_sockets import says, undisturbed, waits

undisturbed()

a, b = socket.socketpair()
b.sendall(b"one\ntwo\nthr")
file = a.makefile("rb")
says("line", file.readline)
says("line", file.readline)
reader = gevent.spawn(says, "line", file.readline)
gevent.sleep(0)
b.sendall(b"ee\nrest")
reader.join()
b.close()
says("line", file.readline)
says("line", file.readline)

# What a file has read is not there for the socket.
a, b = socket.socketpair()
file = a.makefile("rb")
b.sendall(b"one\ntwo\n")
says("line", file.readline)
a.setblocking(False)
says("socket", lambda: a.recv(10))
says("line", file.readline)

# A conversation.
a, b = socket.socketpair()


def server(sock):
    file = sock.makefile("rwb")
    while line := file.readline():
        file.write(b"echo " + line)
        file.flush()
        if line == b"stop\n":
            break
    return b"stopped"


serving = waits("server", b, server)
file = a.makefile("rwb")
for word in b"hello\n", b"world\n", b"stop\n":
    file.write(word)
    file.flush()
    print(file.readline().decode().strip())
serving.join()

# Text.
a, b = socket.socketpair()
with b.makefile("w", newline="") as file:
    file.write("größe\nzwei\n")
b.close()
for line in a.makefile("r", newline="\n"):
    print(line.strip())
