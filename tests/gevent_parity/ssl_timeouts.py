"""Handshakes and reads that take too long, or that must not wait, and go on afterwards."""

import gevent
from gevent import socket

from common_ssl import attempt, client_context, connected, server_context

near, far = socket.socketpair()
far.settimeout(0.01)
attempt("a client that says nothing", lambda: server_context().wrap_socket(far, server_side=True))

near, far = socket.socketpair()
near.settimeout(0.01)
attempt("a server that says nothing", lambda: client_context().wrap_socket(near, server_hostname="localhost"))

near, far = socket.socketpair()
near = client_context().wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
print(f"before the handshake: {near.version()}")
near.settimeout(0)
attempt("without waiting", near.do_handshake)
near.settimeout(0.01)
attempt("in time", near.do_handshake)
near.settimeout(None)
serving = gevent.spawn(server_context().wrap_socket, far, server_side=True)
attempt("at last", near.do_handshake)
attempt("again", near.do_handshake)
far = serving.get()
print(f"after the handshake: {near.version()}")

far.settimeout(0)
attempt("a read without waiting", lambda: far.recv(10))
far.settimeout(0.01)
attempt("a read in time", lambda: far.recv(10))
near.sendall(b"abc")
attempt("a read of what is there", lambda: far.recv(10).decode())
far.settimeout(None)
reading = gevent.spawn(far.recv, 10)
gevent.sleep(0)
near.sendall(b"def")
print(f"a read without a limit: {reading.get().decode()}")

near, far = connected()
near.settimeout(0.01)
attempt("too much for a client that does not read", lambda: near.sendall(bytes(10_000_000)))
