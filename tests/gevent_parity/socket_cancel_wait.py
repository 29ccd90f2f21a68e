"""The wait functions at sockets: cancelled, closed, and out of time."""

import gevent
from gevent import socket
from gevent.socket import cancel_wait, cancel_wait_ex, wait, wait_read, wait_readwrite, wait_write

from common_sockets import fill, says, undisturbed

undisturbed()

a, b = socket.socketpair()
hub = gevent.get_hub()
readable = hub.loop.io(a.fileno(), 1)

waiting = gevent.spawn(says, "wait", lambda: wait(readable))
gevent.sleep(0)
cancel_wait(readable, cancel_wait_ex)
print("cancelled")
waiting.join()

# It can be waited for again, by one greenlet at a time.
waiting = gevent.spawn(says, "wait", lambda: wait(readable))
gevent.sleep(0)
says("second", lambda: wait(readable))
b.sendall(b"x")
waiting.join()
says("at once", lambda: wait(readable, 0))
says("recv", lambda: a.recv(10))
says("too late", lambda: wait(readable, 0.001))
cancel_wait(readable, cancel_wait_ex)
print("nobody to cancel")
readable.close()

# A wait beside the socket's own.
waiting = [gevent.spawn(says, "wait_read", lambda: wait_read(a.fileno())), gevent.spawn(says, "recv", lambda: a.recv(10))]
gevent.sleep(0)
b.sendall(b"data")
gevent.joinall(waiting)
says("readwrite", lambda: wait_readwrite(a.fileno(), 100))
fill(a)
says("write", lambda: wait_write(a.fileno(), 0.001))
says("readwrite", lambda: wait_readwrite(a.fileno(), 0.001))
says("read", lambda: wait_read(a.fileno(), 0))
b.sendall(b"y")
says("readwrite", lambda: wait_readwrite(a.fileno(), 100))

# The end is readable, and writable.
b.close()
says("read", lambda: wait_read(a.fileno(), 100))
says("write", lambda: wait_write(a.fileno(), 100))
