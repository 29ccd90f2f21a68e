"""A client ends its half, and the server answers the whole."""

import gevent
from gevent import socket

from common_sockets import connection, says, undisturbed, waits

undisturbed()


def read_all(sock):
    text = b""
    while part := sock.recv(4):
        text += part + b"|"
    return text


def server(sock):
    data = read_all(sock)
    print(f"server has {data.decode()}")
    sock.sendall(b"answer to " + data)
    sock.shutdown(socket.SHUT_WR)
    return sock.recv(10)


for what, pair in ("tcp", connection), ("unix", socket.socketpair):
    print(what)
    a, b = pair()
    serving = waits("server", b, server)
    a.sendall(b"question")
    gevent.sleep(0)
    a.shutdown(socket.SHUT_WR)
    reader = waits("client", a, read_all)
    gevent.joinall([serving, reader])
    says("ended", lambda: a.send(b"x"))
    a.close()
    says("closed", lambda: b.recv(10))
