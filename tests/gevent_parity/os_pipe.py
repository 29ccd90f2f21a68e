"""nb_read waits for a pipe while other greenlets run, and an empty read is its end."""

import os

import gevent
from gevent.os import make_nonblocking, nb_read, nb_write

from common import flag

reader, writer = os.pipe()
print(*(flag(make_nonblocking(end)) for end in (reader, writer, reader)))


def reads():
    while True:
        data = nb_read(reader, 4)
        print(f"read {len(data)}: [{data.decode()}]")
        if not data:
            return


reading = gevent.spawn(reads)
gevent.sleep(0)
print("nothing yet")
print("wrote", nb_write(writer, b"one"))
gevent.sleep(0.01)
print("wrote", nb_write(writer, b"two and"))
gevent.sleep(0.01)
os.close(writer)
reading.join()
