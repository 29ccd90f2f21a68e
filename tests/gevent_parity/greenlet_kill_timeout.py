"""kill with a time limit gives up on a greenlet that ignores it; a later kill may succeed."""

import gevent

from common import flag


def stubborn():
    for attempt in range(2):
        try:
            gevent.sleep(100)
        except gevent.GreenletExit:
            print(f"ignored {attempt}")
    print("ends")
    return "value"


g = gevent.spawn(stubborn)
g.rawlink(lambda source: print("link"))
gevent.sleep(0)
g.kill(timeout=0.001)
print("after the first:", flag(g.ready()), flag(g.dead))
g.kill(timeout=0)
print("after the second:", flag(g.ready()), flag(g.dead))
g.join(1)
print(g.get(), flag(g.successful()))
g.kill(timeout=0)
