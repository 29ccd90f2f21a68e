"""A server is stopped and started again, twice, and closed before it was ever started."""

from gevent import socket
from gevent.server import StreamServer

from common import flag


class Server(StreamServer):
    def handle(self, client, address):
        client.sendall(b"x")


def show(label):
    print(f"{label}: started: {flag(server.started)}, closed: {flag(server.closed)}")


def ask():
    try:
        client = socket.create_connection(("127.0.8.1", server.server_port))
    except ConnectionRefusedError:
        print("refused")
        return
    print(f"{len(client.recv(10))} bytes")


server = Server(("127.0.8.1", 0))
show("new")
server.close()
show("closed")
server.init_socket()
show("with a socket")
port = server.server_port
server.start()
show("started")
server.start()
show("started twice")
ask()
for _ in range(2):
    server.stop()
    server.close()
    show("stopped")
    ask()
    server.start()
    show("started")
    ask()
    print(f"the same port: {flag(server.server_port == port)}")
server.stop_accepting()
show("not accepting")
server.start_accepting()
server.start_accepting()
ask()
server.stop()
