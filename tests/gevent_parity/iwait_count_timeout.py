"""iwait and wait for some of the objects, or with a time limit; nothing stays linked."""

import gevent

from common import flag


def worker(name, seconds):
    gevent.sleep(seconds)
    return name


greenlets = [gevent.spawn(worker, *a) for a in (("a", 100), ("b", 0.05), ("c", 0.001))]


def show(what, ready):
    values = " ".join(g.value for g in ready)
    print(f"{what}: [{values}], has links: {flag(any(g.has_links() for g in greenlets))}")


show("wait count=0", gevent.wait(greenlets, count=0))
show("iwait count=1", gevent.iwait(greenlets, count=1))
show("iwait timeout=0", gevent.iwait(greenlets, timeout=0))
show("wait count=1", gevent.wait(greenlets, count=1))
show("wait count=2", gevent.wait(greenlets, count=2))
show("wait timeout", gevent.wait(greenlets, timeout=0.001))
show("wait nothing", gevent.wait([]))
greenlets[0].kill()
