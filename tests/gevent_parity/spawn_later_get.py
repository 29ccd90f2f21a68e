"""spawn_later: times in the past, get and kill before the start."""

import gevent

from common import flag, name


def work(n):
    print(f"{n} runs")
    return n


jobs = [gevent.spawn_later(seconds, work, n) for n, seconds in enumerate([0, -1, -2])]
print(f"started: {' '.join(flag(g.started) for g in jobs)}")
print(gevent.spawn(work, 3).get())
print(f"ended: {[g.get() for g in gevent.joinall(jobs)]}")

late = gevent.spawn_later(100, work, 4)
try:
    late.get(timeout=0.001)
except gevent.Timeout as timeout:
    print(f"{name(timeout)}: {timeout}")
try:
    late.get(block=False)
except gevent.Timeout:
    print("not yet")
late.kill()
print(f"dead {flag(late.dead)}, successful {flag(late.successful())}, {name(late.get())}")

later = gevent.spawn_later(100, work, 5)
later.start()
gevent.sleep(0)
print(f"start does not start it again: started {flag(later.started)}, ready {flag(later.ready())}")
later.kill()
