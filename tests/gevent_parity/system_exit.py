"""SystemExit in a greenlet is raised in main; main may handle it and go on."""

import gevent

from common import flag, name, report_errors

report_errors()


def exits(code):
    print(f"exits with {code}")
    raise SystemExit(code)


g = gevent.spawn(exits, 3)
h = gevent.spawn(print, "the next greenlet")
g.link(lambda source: print("link of the one that exits"))
try:
    gevent.sleep(0)
except SystemExit as error:
    print(f"main: {name(error)} {error.code}")
print(f"ready: {flag(g.ready())} {flag(h.ready())}, successful: {flag(g.successful())}, {name(g.exception)}")
gevent.joinall([g, h])
gevent.sleep(0)
print(f"dead: {flag(g.dead)}")
