"""A greenlet that is killed in `communicate` loses nothing: the next call returns all of the output."""

import os

import gevent
from gevent.subprocess import PIPE, Popen, TimeoutExpired

reader, writer = os.pipe()
script = f"cat; read line </dev/fd/{reader}; echo end; exit 3"
popen = Popen(["sh", "-c", script], stdin=PIPE, stdout=PIPE, pass_fds=[reader])


def communicate():
    try:
        popen.communicate(b"input\n")
    except gevent.GreenletExit:
        print(f"killed: {popen.poll()}")
        raise


greenlet = gevent.spawn(communicate)
gevent.sleep(0.05)
greenlet.kill()
try:
    popen.communicate(timeout=0.01)
except TimeoutExpired:
    print(f"timeout: {popen.poll()}")
os.close(writer)
output, _errors = popen.communicate()
print(f"output: {output.split()}")
print(f"end: {popen.returncode}")
