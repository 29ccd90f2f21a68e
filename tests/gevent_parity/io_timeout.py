"""Data that are there when the time is over have come in time."""

import os
import time

import gevent
from gevent.socket import wait_read

reader, writer = os.pipe()


def waits(what, timeout):
    try:
        wait_read(reader, timeout=timeout)
        print(f"{what}: readable")
    except TimeoutError:
        print(f"{what}: timed out")


waits("empty", 0)
waits("empty", 0.001)
g = gevent.spawn(waits, "late writer", 0.001)
gevent.sleep(0)
time.sleep(0.01)
os.write(writer, b"x")
g.join()
waits("full", 0)
waits("full", -1)
os.close(reader)
os.close(writer)
