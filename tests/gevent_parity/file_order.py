"""Who goes on when: readers of two pipes, a writer that waits for room, and the greenlet that makes it."""

import gevent

from common_files import pipe
from common_sockets import undisturbed

undisturbed()


def reads(name, reader, count):
    for _ in range(count):
        print(name, reader.read1(10).decode())
    print(name, "ends")


first, to_first = pipe()
second, to_second = pipe()
greenlets = [gevent.spawn(reads, "first", first, 2), gevent.spawn(reads, "second", second, 2)]
gevent.sleep(0)
for text in [b"a", b"b"]:
    to_second.write(text)
    to_second.flush()
    print("written", text.decode())
    gevent.sleep(0.01)
    to_first.write(text)
    to_first.flush()
    print("written", text.decode())
    gevent.sleep(0.01)
gevent.joinall(greenlets)

reader, writer = pipe()


def fills():
    writer.write(b"x" * 100000)
    writer.flush()
    print("written")


greenlet = gevent.spawn(fills)
gevent.sleep(0)
print("full")
print("read", len(reader.read(65536)))
greenlet.join()
print("read", len(reader.read(100000 - 65536)))
