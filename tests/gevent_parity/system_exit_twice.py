"""Each SystemExit reaches main, in its own wait; the greenlets in between have their turns."""

import gevent

from common import flag, name, report_errors

report_errors()


def exits(code):
    raise SystemExit(code)


greenlets = [
    gevent.spawn(exits, 1), gevent.spawn(print, "in between"), gevent.spawn(exits, 2), gevent.spawn(print, "at the end"),
]
while not all(g.ready() for g in greenlets):
    try:
        gevent.joinall(greenlets)
        print("joined")
    except SystemExit as error:
        dead = " ".join(flag(g.dead) for g in greenlets)
        print(f"main: {name(error)} {error.code}, dead: {dead}")
gevent.sleep(0)
print("dead: " + " ".join(flag(g.dead) for g in greenlets))
