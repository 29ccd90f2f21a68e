"""A greenlet that is killed in waitpid takes no status; without children, waitpid fails."""

import os

import gevent
from gevent.os import fork, waitpid

reader, writer = os.pipe()
pid = fork()
if pid == 0:
    os.close(writer)
    os.read(reader, 1)
    os._exit(5)


def waits(which):
    try:
        waitpid(which, 0)
    except gevent.GreenletExit:
        print("killed")
        raise


for which in (pid, -1):
    waiting = gevent.spawn(waits, which)
    gevent.sleep(0)
    waiting.kill()
os.close(writer)
ended, status = waitpid(-1, 0)
print(f"{'true' if ended == pid else 'false'}, {os.WEXITSTATUS(status)}")
for which in (1, -2):
    try:
        waitpid(which, 0)
    except OSError as error:
        print(f"errno {error.errno}")
