"""A wait whose time is over leaves the child alone; nothing of its output is lost."""

from gevent.subprocess import PIPE, Popen, TimeoutExpired

from common import name

popen = Popen(["sh", "-c", "echo first; read line; echo $line"], stdin=PIPE, stdout=PIPE)
try:
    popen.wait(0.01)
except TimeoutExpired as error:
    print(f"wait: {name(error)} {error.timeout} {popen.returncode}")
waiting = Popen(["sleep", "100"], stdout=PIPE)
try:
    waiting.communicate(timeout=0.01)
except TimeoutExpired as error:
    print(f"communicate: {name(error)} {error.timeout} {waiting.returncode}")
waiting.kill()
print(f"killed: {waiting.communicate()[0]!r} {waiting.returncode}")
print(f"all: {popen.communicate(b'second')[0].decode().split()} {popen.returncode}")
