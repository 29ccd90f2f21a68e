"""sendall sends all, or tells by an error that it has sent a part, which arrives."""

import gevent
from gevent import socket

from common import flag
from common_sockets import drain, fill, says, undisturbed, waits

undisturbed()

MUCH = 2_000_000

# It goes on as room comes, while others run.
a, b = socket.socketpair()
sender = waits("sendall", a, lambda s: s.sendall(bytes(MUCH)))
gevent.sleep(0)
print("sent:", flag(sender.ready()))
received = 0
while received < MUCH:
    received += len(b.recv(65536))
sender.join()
print("received:", received)

# The timeout ends it.
a, b = socket.socketpair()
a.settimeout(0.001)
says("timeout", lambda: a.sendall(bytes(MUCH)))
print("received:", flag(0 < drain(b) < MUCH))
says("room", lambda: a.sendall(b"x"))
says("received", lambda: b.recv(10))

# The other side goes away in the middle.
a, b = socket.socketpair()
sender = waits("nobody", a, lambda s: s.sendall(bytes(MUCH)))
gevent.sleep(0)
b.recv(10)
b.close()
sender.join()
says("and again", lambda: a.sendall(b"x"))

# A second sender waits for the first one's room in vain.
a, b = socket.socketpair()
fill(a)
sender = waits("killed", a, lambda s: s.sendall(bytes(MUCH)))
gevent.sleep(0)
says("second", lambda: a.sendall(b"x"))
sender.kill()
drain(b)
says("second", lambda: a.sendall(b"x"))
