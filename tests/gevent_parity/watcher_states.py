"""The states of a watcher; a start while it is started replaces the callback."""

import gevent

from common import flag

loop = gevent.get_hub().loop


def show(when):
    print(f"{when}: active={flag(timer.active)} pending={flag(timer.pending)} callback={flag(timer.callback)}")


def fires():
    show("firing")


timer = loop.timer(0.001)
show("made")
timer.start(print, "replaced, never printed")
show("started")
timer.start(fires)
gevent.sleep(0.01)
show("fired")
timer.start(print, "never printed")
timer.stop()
timer.stop()
show("stopped")
timer.start(print, "started again")
gevent.sleep(0.01)
timer.feed(1, lambda: print("fed"))
show("fed")
gevent.sleep(0.01)
show("done")
print(f"ref={flag(timer.ref)} priority={timer.priority}")
timer.ref = False
timer.priority = 1
print(f"ref={flag(timer.ref)} priority={timer.priority}")
