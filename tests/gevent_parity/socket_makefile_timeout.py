"""A file whose read has taken too long cannot be read any more; the socket can."""

import gevent
from gevent import Timeout, socket

from common import name
from common_sockets import drain, fill, says, undisturbed

undisturbed()

a, b = socket.socketpair()
a.settimeout(0.001)
file = a.makefile("rb")
b.sendall(b"part")
says("line", file.readline)
for _ in range(2):
    try:
        file.readline()
    except OSError as error:
        print(f"line: {error}")
b.sendall(b"more")
says("socket", lambda: a.recv(10))
again = a.makefile("rb")
b.sendall(b"line\n")
says("another file", again.readline)

# A Timeout or a kill leaves the file as it was.
a, b = socket.socketpair()
file = a.makefile("rb")
try:
    with Timeout(0.001):
        file.readline()
except Timeout as error:
    print("line:", name(error))
reader = gevent.spawn(says, "line", file.readline)
gevent.sleep(0)
reader.kill()
b.sendall(b"line\n")
says("line", file.readline)

# Without waiting there is no line.
a.setblocking(False)
raw = a.makefile("rb", buffering=0)
b.sendall(b"x")
says("read", lambda: raw.read(10))

# Writing may take too long, too.
fill(a)
a.settimeout(0.001)
raw = a.makefile("wb", buffering=0)
says("write", lambda: raw.write(b"x"))
drain(b)
says("write", lambda: raw.write(b"x"))
