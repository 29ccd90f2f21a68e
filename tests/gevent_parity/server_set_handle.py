"""The handler can be changed while the server runs; a handler that has begun goes on."""

from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

go_on = Event()


def first(client, address):
    client.sendall(b"first")
    go_on.wait()
    client.sendall(b", and still")


def second(client, address):
    client.sendall(b"second")
    server.set_handle(third)


def third(client, address):
    client.sendall(b"third")


def connect():
    return socket.create_connection(("127.0.0.1", server.server_port))


server = StreamServer(("127.0.0.1", 0), first)
server.start()
old = connect()
print(old.recv(100).decode())
server.set_handle(second)
print(connect().recv(100).decode())
print(connect().recv(100).decode())
print(connect().recv(100).decode())
go_on.set()
print(old.recv(100).decode())
server.stop()
