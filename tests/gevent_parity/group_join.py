"""Joining a group: in time, too late, with errors; discarded members."""

import gevent
from gevent.pool import Group

from common import flag, name, report_errors

report_errors()
group = Group()


def fail(message):
    gevent.sleep(0)
    raise ValueError(message)


print(f"nobody: {flag(group.join())}")
group.spawn(gevent.sleep, 0)
print(f"in time: {flag(group.join(timeout=10))}, size {len(group)}")
sleeper = group.spawn(gevent.sleep, 100)
print(f"too late: {flag(group.join(timeout=0.01))}, size {len(group)}")
group.discard(sleeper)
print(f"discarded: {flag(group.join())}, size {len(group)}, dead {flag(sleeper.dead)}")

group.spawn(fail, "first")
print(f"no matter: {flag(group.join())}")
group.spawn(fail, "second")
try:
    group.join(raise_error=True)
except ValueError as e:
    print(f"{name(e)} {e}")

unstarted = gevent.Greenlet(print, "it runs")
group.add(unstarted)
print(f"size {len(group)}, started {flag(unstarted.started)}")
unstarted.start()
group.join()
ended = gevent.spawn(int)
ended.join()
group.add(ended)
print(f"size {len(group)}")
group.join()
print(f"size {len(group)}")
sleeper.kill()
