"""Who is woken first, when data come for several at once."""

import gevent
from gevent import socket

from common_sockets import says, undisturbed, waits

undisturbed()

pairs = [socket.socketpair() for _ in range(5)]


def order(what, numbers):
    print(what)
    readers = [waits(f"reader {n}", pairs[n][1], lambda s: s.recv(10)) for n in range(5)]
    gevent.sleep(0.001)  # the system has been asked for all of them
    for n in numbers:
        pairs[n][0].sendall(b"data")
    gevent.joinall(readers)


order("in turn", [0, 1, 2, 3, 4])
order("in turn", [0, 1, 2, 3, 4])
order("backwards", [4, 3, 2, 1, 0])
order("mixed", [2, 0, 4, 1, 3])

# A callback that was there before the data runs before the readers.
readers = [waits(f"reader {n}", pairs[n][1], lambda s: s.recv(10)) for n in range(2)]
gevent.sleep(0)
pairs[0][0].sendall(b"data")
pairs[1][0].sendall(b"data")
gevent.get_hub().loop.run_callback(print, "callback")
spawned = gevent.spawn(print, "spawned")
gevent.joinall(readers)

# Readers and writers of one socket.
a, b = socket.socketpair()
reader = waits("reader", a, lambda s: s.recv(10))
waiting = gevent.spawn(says, "writable", lambda: socket.wait_write(a.fileno()))
gevent.sleep(0)
b.sendall(b"data")
gevent.joinall([reader, waiting])
