"""Children are waited for as other objects, and have links."""

import gevent
from gevent.event import Event
from gevent.subprocess import PIPE, Popen

popens = [Popen(["sh", "-c", f"read line; exit {n}"], stdin=PIPE) for n in range(3)]
for popen in popens:
    popen.rawlink(lambda popen: print(f"link: {popen.returncode}"))
event = Event()
objects = [event] + popens
order = iter((popens[2], popens[0], event, popens[1]))


def end_next():
    what = next(order)
    if what is event:
        event.set()
    else:
        what.stdin.close()


end_next()
for ready in gevent.iwait(objects):
    print(f"ready: {'event' if ready is event else ready.returncode}")
    if len([None for popen in popens if popen.returncode is not None]) < 3:
        end_next()
print(f"wait: {len(gevent.wait(popens))}")
