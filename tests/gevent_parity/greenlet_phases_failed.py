"""The attributes of a greenlet that has failed, exited, or was killed."""

import gevent

from common import flag, report_errors


def show(phase, g):
    print(
        f"{phase}: started={flag(g.started)} ready={flag(g.ready())} dead={flag(g.dead)} "
        f"successful={flag(g.successful())} exception={flag(g.exception)}"
    )


def fails():
    raise ValueError("greenlet")


def exits():
    raise gevent.GreenletExit


report_errors()
g = gevent.spawn(fails)
g.join()
show("failed", g)
g = gevent.spawn(exits)
g.join()
show("exited", g)
g = gevent.Greenlet(fails)
g.kill()
show("killed before start", g)
g = gevent.spawn(fails)
g.kill()
show("killed when scheduled", g)
g = gevent.spawn_later(100, fails)
g.kill()
show("killed before its time", g)
g = gevent.spawn(gevent.sleep, 100)
gevent.sleep(0)
g.kill(block=False)
show("kill is under way", g)
gevent.sleep(0)
show("killed in sleep", g)
g = gevent.spawn(gevent.sleep, 100)
gevent.sleep(0)
g.kill(ValueError("kill"))
show("killed by an error", g)
