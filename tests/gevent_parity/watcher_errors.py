"""An io watcher whose callback fails is stopped, as it would fail for ever; a timer goes on."""

import os

import gevent

from common import flag, report_errors

report_errors()
loop = gevent.get_hub().loop
reader, writer = os.pipe()
count = 0


def fails(label):
    global count
    count += 1
    print(f"{label} {count}")
    if count == 4:
        timer.stop()
    raise ValueError(label)


io = loop.io(reader, 1)
io.start(fails, "io")
os.write(writer, b"x")
gevent.sleep(0.1)
print(f"active: {flag(io.active)}")
timer = loop.timer(0.001, 0.001)
timer.start(fails, "timer")
gevent.sleep(1)
print(f"active: {flag(timer.active)}")
io.close()
os.close(reader)
os.close(writer)
