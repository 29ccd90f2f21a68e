"""Lines, however they come: in parts, several at once, the last one without an end, and empty ones."""

import gevent

from common_files import pipe
from common_sockets import says, undisturbed

undisturbed()

PARTS = [b"on", b"e\ntwo\nth", b"ree", b"\n", b"\n\nlong" + b"g" * 30, b"er\nlast"]


def writes(writer):
    for part in PARTS:
        writer.write(part)
        writer.flush()
        gevent.sleep(0.002)
    writer.close()


for buffering in [0, 4, 8192]:
    reader, writer = pipe(buffering)
    greenlet = gevent.spawn(writes, writer)
    for line in reader:
        print(line.decode().replace("\n", "\\n"))
    print("end")
    greenlet.join()
    says("readline", lambda: reader.readline())

# A part by its size, and the rest by lines.
reader, writer = pipe()
writer.write(b"one two\nthree\nfour")
writer.close()
says("read", lambda: reader.read(4))
says("readline", lambda: reader.readline())
says("read1", lambda: reader.read1(2))
says("read", lambda: reader.read(100))
says("readline", lambda: reader.readline())
