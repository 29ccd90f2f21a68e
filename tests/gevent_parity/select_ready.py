"""What is ready at once: in the order of the lists, twice if it is there twice; others get a turn."""

import os

import gevent
from gevent.select import select

a, to_a = os.pipe()
b, to_b = os.pipe()
names = {a: "a", b: "b", to_a: "to_a", to_b: "to_b"}


def show(lists):
    print(" ".join("[" + " ".join(names[fd] for fd in fds) + "]" for fds in lists))


def other():
    for n in range(6):
        print(f"other {n}")
        gevent.sleep(0)


gevent.spawn(other)
show(select([], [to_b, to_a], []))
show(select([a, b], [to_a, to_b], [a]))
os.write(to_a, b"x")
show(select([b, a], [], []))
os.write(to_b, b"x")
show(select([b, a, b], [to_b, to_b], [b]))
show(select([a, b], [], [], 0))
os.read(a, 1)
os.read(b, 1)
show(select([a, b], [], [], 0))
show(select([], [], [], 0))
os.close(to_a)
show(select([a], [], [a]))
os.close(b)
show(select([], [to_b], []))
for fd in a, to_b:
    os.close(fd)
