"""`peek` waits for data and takes none; `readinto` takes what is there; both notice the end."""

import gevent

from common_files import pipe
from common_sockets import says, undisturbed, waits

undisturbed()


def readinto(f):
    data = bytearray(3)
    return bytes(data[: f.readinto(data)])


reader, writer = pipe()
greenlet = waits("peek", reader, lambda f: f.peek())
gevent.sleep(0)
print("it waits")
writer.write(b"data")
writer.flush()
greenlet.join()
says("again", lambda: reader.peek())
says("readinto", lambda: readinto(reader))
says("peek", lambda: reader.peek())
says("read1", lambda: reader.read1(10))
greenlet = waits("readinto", reader, readinto)
gevent.sleep(0)
writer.write(b"one")
writer.flush()
greenlet.join()
greenlet = waits("peek", reader, lambda f: f.peek())
gevent.sleep(0)
writer.close()
greenlet.join()
says("readinto", lambda: readinto(reader))
says("peek", lambda: reader.peek())

reader, writer = pipe()
killed = waits("never", reader, lambda f: f.peek())
gevent.sleep(0)
killed.kill()
writer.write(b"later")
writer.close()
says("later", lambda: reader.peek())
says("read", lambda: reader.read())
