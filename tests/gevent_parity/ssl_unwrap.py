"""TLS that ends on both sides goes back to plain text, and the sockets go on."""

import gevent

from common import flag
from common_ssl import connected

near, far = connected()
near.sendall(b"over TLS")
print(far.recv(100).decode())
unwrapping = gevent.spawn(near.unwrap)
gevent.sleep(0)
print(f"unwrapped: {flag(unwrapping.ready())}")
print(f"the other side reads {len(far.recv(100))} bytes")
plain_far = far.unwrap()
plain_near = unwrapping.get()
plain_near.sendall(b"plain")
print(plain_far.recv(100).decode())
plain_far.sendall(b"text")
print(plain_near.recv(100).decode())
plain_far.close()
print(f"{len(plain_near.recv(100))} bytes")

near, far = connected()
ends = [gevent.spawn(end.unwrap) for end in [near, far]]
gevent.joinall(ends, raise_error=True)
ends[0].value.sendall(b"both at once")
print(ends[1].value.recv(100).decode())
