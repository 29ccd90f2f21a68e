"""A greenlet that only yields does not starve events; the loop polls between the batches."""

import os

import gevent
from gevent.socket import wait_read

from common import flag

reader, writer = os.pipe()
read = []


def reads():
    wait_read(reader)
    read.append(os.read(reader, 100))
    print("read")


def yields():
    while not read:
        gevent.sleep(0)
    print("yielded until it was read")


os.write(writer, b"x")
gevent.joinall([gevent.spawn(yields), gevent.spawn(reads)])
print(f"data: {flag(read)}")
os.close(reader)
os.close(writer)
