"""A greenlet that is killed while it waits for a child leaves the child alone."""

import gevent
from gevent.subprocess import PIPE, Popen

popen = Popen(["sh", "-c", "read line; exit 5"], stdin=PIPE)


def wait(who):
    try:
        print(f"{who}: {popen.wait()}")
    except gevent.GreenletExit:
        print(f"{who}: killed")
        raise


greenlets = [gevent.spawn(wait, n) for n in range(3)]
gevent.sleep(0)
greenlets[1].kill()
print(f"runs: {popen.poll()}")
popen.stdin.close()
gevent.joinall(greenlets)
sleeper = Popen(["sleep", "100"])
timeout = gevent.Timeout.start_new(0.01)
try:
    sleeper.wait()
except gevent.Timeout:
    print(f"timeout: {sleeper.poll()}")
sleeper.kill()
print(f"end: {sleeper.wait()}")
