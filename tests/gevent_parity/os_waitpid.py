"""waitpid waits for a child of fork while other greenlets run; with WNOHANG it does not wait."""

import os

import gevent
from gevent.os import fork, waitpid

reader, writer = os.pipe()
pid = fork()
if pid == 0:
    os.close(writer)
    os.read(reader, 1)
    os._exit(7)
os.close(reader)
ended, status = waitpid(pid, os.WNOHANG)
print(f"{ended}")


def waits():
    ended, status = waitpid(pid, 0)
    print(f"ended: {'true' if ended == pid else 'false'}, {os.WEXITSTATUS(status)}")


waiting = gevent.spawn(waits)
gevent.sleep(0)
print("it waits")
os.close(writer)
waiting.join()
