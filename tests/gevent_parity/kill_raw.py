"""gevent.kill throws into any greenlet, soon."""

import gevent

from common import flag, report_errors

report_errors()
loop = gevent.get_hub().loop


def sleeper(name):
    try:
        gevent.sleep(100)
    finally:
        print(f"{name} ends")


a = gevent.spawn_raw(sleeper, "a")
b = gevent.spawn_raw(sleeper, "b")
gevent.sleep(0)
c = gevent.spawn_raw(sleeper, "c")
loop.run_callback(print, "callback before")
gevent.kill(a)
gevent.kill(b, ValueError("kill"))
loop.run_callback(print, "callback after")
print(f"killed: {flag(a.dead)} {flag(b.dead)}")
gevent.sleep(0)
gevent.kill(a)
print(f"dead: {flag(a.dead)} {flag(b.dead)}")


def main_is_killed(main):
    print("kills main")
    gevent.kill(main, ValueError("main"))


gevent.kill(c)
gevent.spawn(main_is_killed, gevent.getcurrent())
try:
    gevent.sleep(100)
except ValueError as error:
    print(error)
