"""An end that the other side has not said is an error, unless it is to be none; and what came before is there."""

import gevent
from gevent import socket

from common_ssl import attempt, client_context, connected, server_context

near, far = connected()
near.sendall(b"abc")
near.close()
print(f"read: {far.recv(100).decode()}")
for _ in range(2):
    attempt("read", lambda: far.recv(100).decode())

near, far = socket.socketpair()
near = gevent.spawn(client_context().wrap_socket, near, server_hostname="localhost")
far = server_context().wrap_socket(far, server_side=True)
near.get().sendall(b"abc")
near.get().close()
for _ in range(3):
    print(f"it is to be none: {len(far.recv(100))} bytes")

# Within the handshake.
for what, data in [("nothing", b""), ("a part of a record", b"\x16\x03\x01\x02\x00\x01")]:
    near, far = socket.socketpair()
    near.sendall(data)
    near.close()
    attempt(f"{what} of a handshake", lambda: server_context().wrap_socket(far, server_side=True))
