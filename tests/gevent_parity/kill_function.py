"""gevent.kill kills greenlets that run soon, and at once those whose turn has not come."""

import gevent

from common import flag, name, report_errors

report_errors()


def sleeper():
    gevent.sleep(100)


made, scheduled, sleeping = gevent.Greenlet(sleeper), gevent.spawn(sleeper), gevent.spawn(sleeper)
failing = gevent.Greenlet(sleeper)
sleeping_too = gevent.spawn(sleeper)
scheduled.rawlink(lambda source: print("link of scheduled"))
gevent.kill(made)
gevent.kill(scheduled)
gevent.kill(failing, ValueError("kill"))
print(" ".join(flag(g.dead) for g in (made, scheduled, failing)))
gevent.sleep(0)
gevent.kill(sleeping)
gevent.kill(sleeping_too, ValueError("kill"))
gevent.kill(made)
print(" ".join(flag(g.dead) for g in (sleeping, sleeping_too)))
gevent.sleep(0)
for g in made, scheduled, failing, sleeping, sleeping_too:
    print(f"{flag(g.dead)} {flag(g.successful())} {name(g.exception or g.value)}")
