"""Waiting for a descriptor raises the exception that is given for the time, if there is one."""

import os
from gevent.socket import wait_read, wait_readwrite, wait_write

from common import name

reader, writer = os.pipe()


def one(label, wait, *args):
    try:
        wait(*args)
        print(f"{label}: ready")
    except (ValueError, TimeoutError) as error:
        print(f"{label}: {name(error)} {error}")


one("read", wait_read, reader, 0.001)
one("read", wait_read, reader, 0.001, ValueError("nothing to read"))
one("read", wait_read, reader, 0, ValueError("nothing at all"))
one("write", wait_write, writer, 0.001, ValueError("full"))
one("write", wait_write, writer, None, ValueError("for ever"))
os.write(writer, b"x")
one("read", wait_read, reader, 0, ValueError("nothing to read"))
one("readwrite", wait_readwrite, writer, 1, ValueError("neither"))
