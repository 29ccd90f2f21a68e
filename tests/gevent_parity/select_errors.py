"""The errors of select: a negative time, descriptors that cannot be or are closed, in any list."""

import os

import gevent
from gevent.select import select

from common import flag

reader, writer = os.pipe()
closed = os.dup2(reader, 500)
os.close(closed)


def attempt(*arguments):
    try:
        select(*arguments)
        print("none")
    except ValueError:
        print("ValueError")
    except OSError as error:
        print(f"OSError {error.errno}")


attempt([], [], [], -1)
attempt([closed], [], [], -0.5)
attempt([-1], [], [])
attempt([], [-5], [], 0)
for timeout in 0, 0.001, None:
    attempt([closed], [], [], timeout)
    attempt([], [closed], [], timeout)
    attempt([], [], [closed], timeout)
    attempt([reader, closed], [writer], [], timeout)
attempt([reader], [], [], 0.001)

with gevent.Timeout(0.001, False):
    select([reader], [], [])
    print("not reached")
g = gevent.spawn(select, [reader], [], [])
gevent.sleep(0)
g.kill()
print(f"killed: {flag(g.successful())} {flag(isinstance(g.value, gevent.GreenletExit))}")
os.write(writer, b"x")
attempt([reader], [], [])
os.close(reader)
os.close(writer)
