"""joinall for some greenlets, or with a time limit, returns those that have ended."""

import gevent

from common import flag


def worker(name, seconds):
    gevent.sleep(seconds)
    return name


greenlets = [gevent.spawn(worker, name, seconds) for name, seconds in (("a", 100), ("b", 0.03), ("c", 0.001))]


def show(what, done):
    links = " ".join(flag(g.has_links()) for g in greenlets)
    print(f"{what}: [{' '.join(g.value for g in done)}], has links: {links}")


show("count=0", gevent.joinall(greenlets, count=0))
show("timeout=0", gevent.joinall(greenlets, timeout=0))
show("count=1", gevent.joinall(greenlets, count=1))
show("count=2", gevent.joinall(greenlets, count=2, timeout=100))
show("count=9", gevent.joinall(greenlets, count=9, timeout=0.001))
greenlets[0].kill()
show("killed", gevent.joinall(greenlets[1:], timeout=100))
