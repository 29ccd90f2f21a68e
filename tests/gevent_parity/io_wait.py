"""wait_read and wait_write, for a pipe that is empty, one with room, and one at its end."""

import os

import gevent
from gevent.socket import wait_read, wait_write

from common import flag

reader, writer = os.pipe()


def reads():
    while True:
        wait_read(reader)
        data = os.read(reader, 100)
        print(f"read {data.decode()}" if data else "the end")
        if not data:
            break


def writes():
    for text in "one", "two":
        wait_write(writer)
        print("writes")
        os.write(writer, text.encode())
        gevent.sleep(0.01)
    os.close(writer)


gevent.joinall([gevent.spawn(reads), gevent.spawn(writes)])
os.close(reader)

reader, writer = os.pipe()
try:
    wait_read(reader, timeout=0.001)
except TimeoutError:
    print("timed out")
g = gevent.spawn(wait_read, reader)
gevent.sleep(0)
g.kill()
print(f"killed: {flag(g.successful())}")
os.write(writer, b"later")
wait_read(reader, timeout=100)
print(os.read(reader, 100).decode())
os.close(reader)
os.close(writer)
