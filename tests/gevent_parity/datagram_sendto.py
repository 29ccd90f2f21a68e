"""A server of datagrams answers by sendto, from its own address, while it has a socket."""

from gevent import socket
from gevent.server import DatagramServer

from common import flag


class Server(DatagramServer):
    def handle(self, data, address):
        self.sendto(b"you said " + data, address)


def show(label):
    print(f"{label}: started: {flag(server.started)}, closed: {flag(server.closed)}, at {server.server_host}")


def ask(text):
    client.sendto(text, ("127.0.0.1", server.server_port))
    data, address = client.recvfrom(100)
    print(f"{data.decode()}, from the server: {flag(address == server.address)}")


client = socket.socket(type=socket.SOCK_DGRAM)
client.bind(("127.0.0.1", 0))
server = Server(("127.0.0.1", 0))
show("new")
server.start()
show("started")
ask(b"one")
ask(b"two")
server.sendto(b"by itself", client.getsockname())
print(client.recv(100).decode())
server.stop()
show("stopped")
try:
    server.sendto(b"nothing", client.getsockname())
except Exception:
    print("it cannot send")
