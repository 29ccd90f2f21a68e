"""sleep with a time of 0, or a negative one, is sleep(0)."""

import gevent


def worker(name, seconds):
    print(f"{name} begins")
    gevent.sleep(seconds)
    print(f"{name} ends")


gevent.joinall([gevent.spawn(worker, name, seconds) for name, seconds in (("a", 0), ("b", -1), ("c", -0.5), ("d", 0))])
