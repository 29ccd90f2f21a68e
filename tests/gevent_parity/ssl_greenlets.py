"""Greenlets that use one connection: one reads and one writes, and one that is killed takes nothing along."""

import gevent

from common import name
from common_ssl import connected


def reads(end, what):
    try:
        print(f"{what}: {end.recv(100).decode()}")
    except BaseException as error:
        print(f"{what}: {name(error)}")
        raise


near, far = connected()
reading = [gevent.spawn(reads, end, what) for end, what in [(near, "client"), (far, "server")]]
gevent.sleep(0)
near.sendall(b"question")
reading[1].join()
far.sendall(b"answer")
reading[0].join()

reading = gevent.spawn(reads, near, "killed")
gevent.sleep(0)
reading.kill()
far.sendall(b"for another one")
gevent.spawn(reads, near, "another one").join()

with gevent.Timeout(0.01, False):
    near.recv(100)
    print("not printed")
far.sendall(b"after a timeout")
reads(near, "client")

sending = gevent.spawn(near.sendall, b"x" * 10_000_000)
gevent.sleep(0)
far.sendall(b"meanwhile")
reads(near, "client")
got = 0
while got < 10_000_000:
    got += len(far.recv(65536))
sending.get()
print(f"server: {got} bytes")
