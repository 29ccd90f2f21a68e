"""The end of the data: for who waits, for who comes later, and for one that has read a part."""

import gevent

from common_files import pipe
from common_sockets import says, undisturbed, waits

undisturbed()

for what, call in [
    ("read", lambda f: f.read(10)),
    ("read1", lambda f: f.read1(10)),
    ("readline", lambda f: f.readline()),
    ("read to the end", lambda f: f.read()),
]:
    reader, writer = pipe()
    greenlet = waits(what, reader, call)
    gevent.sleep(0)
    writer.close()
    greenlet.join()
    says("again", lambda: call(reader))

    reader, writer = pipe()
    greenlet = waits(what, reader, call)
    writer.write(b"part")
    writer.flush()
    gevent.sleep(0)
    gevent.sleep(0.01)
    writer.write(b" two")
    writer.close()
    greenlet.join()
    says("the rest", lambda: reader.read())
