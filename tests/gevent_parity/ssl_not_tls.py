"""Clients and servers that do not speak TLS: the handshake fails."""

from gevent import socket

from common_ssl import attempt, client_context, server_context

for what, data in [
    ("a request of HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("zeros", bytes(100)),
    ("an answer of HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
]:
    near, far = socket.socketpair()
    near.sendall(data)
    attempt(f"{what}, for a server", lambda: server_context().wrap_socket(far, server_side=True))
    near, far = socket.socketpair()
    far.sendall(data)
    attempt(f"{what}, for a client", lambda: client_context().wrap_socket(near, server_hostname="localhost"))
