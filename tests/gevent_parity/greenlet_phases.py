"""The attributes of a greenlet in each phase of its life."""

import gevent

from common import flag


def show(phase, g):
    print(
        f"{phase}: started={flag(g.started)} ready={flag(g.ready())} dead={flag(g.dead)} "
        f"successful={flag(g.successful())} value={g.value} exception={flag(g.exception)}"
    )


def worker():
    show("running", g)
    gevent.sleep(0)
    return 7


g = gevent.Greenlet(worker)
show("made", g)
g.start()
show("scheduled", g)
gevent.sleep(0)
show("parked", g)
g.join()
show("ended", g)

later = gevent.spawn_later(0.001, lambda: 8)
show("scheduled by a timer", later)
later.join()
show("ended", later)
