"""What becomes ready while a greenlet waits: all of one iteration together, in the order in which the loop has them."""

import os

import gevent
from gevent.select import select

pipes = [os.pipe() for _ in range(5)]
readers = [r for r, _ in pipes]
places = {r: n for n, r in enumerate(readers)}


def waits(name, fds):
    r, w, x = select(fds, [], [])
    print(name, [places[fd] for fd in r], len(w), len(x))


def write(*which):
    for n in which:
        os.write(pipes[n][1], b"x")


def empty(*which):
    for n in which:
        os.read(pipes[n][0], 1)


for order in (0, 1, 2, 3), (3, 1, 0), (2,):
    g = gevent.spawn(waits, "one", readers)
    gevent.sleep(0)
    write(*order)
    g.join()
    empty(*order)

g = gevent.spawn(waits, "twice", [readers[1], readers[0], readers[1]])
gevent.sleep(0)
write(1, 0)
g.join()
empty(1, 0)

gs = [gevent.spawn(waits, name, readers) for name in ("first", "second", "third")]
gevent.sleep(0)
gs[1].kill()
write(4, 2)
gevent.joinall(gs)
empty(4, 2)

r, w, x = select(readers, [], [], 0.001)
print(r, w, x)
gs = [gevent.spawn(waits, "a", readers[:2]), gevent.spawn(waits, "b", readers[2:])]
gevent.sleep(0)
write(0)
gevent.sleep(0.01)
write(3)
gevent.joinall(gs)
for r, w in pipes:
    os.close(r)
    os.close(w)
