"""Closing a file gives EBADF to the greenlet that reads it, and to everybody afterwards. What reads to the end ends."""

import gevent

from common import flag
from common_files import pipe
from common_sockets import says, undisturbed, waits

undisturbed()

for what, call in [
    ("read", lambda f: f.read(10)),
    ("readline", lambda f: f.readline()),
    ("readall", lambda f: f.readall()),
]:
    reader, writer = pipe(0)
    greenlet = waits(what, reader, call)
    gevent.sleep(0)
    print("closed", flag(reader.closed))
    reader.close()
    print("closed", flag(reader.closed))
    greenlet.join()
    says("again", lambda: call(reader))
    says("close", lambda: reader.close())

# What was read before is returned.
reader, writer = pipe(0)
greenlet = waits("readall", reader, lambda f: f.readall())
writer.write(b"some")
gevent.sleep(0)
gevent.sleep(0.01)
reader.close()
greenlet.join()

# Data that have come before are not read any more.
reader, writer = pipe(0)
greenlet = waits("late", reader, lambda f: f.read(10))
gevent.sleep(0)
writer.write(b"data")
reader.close()
greenlet.join()
