"""A greenlet that is killed before its turn never runs; its links are called nevertheless."""

import gevent

from common import flag, name, report_errors

report_errors()


def never():
    print("never printed")


def show(g):
    try:
        print(f"value: {name(g.get())}")
    except ValueError as error:
        print(f"raises: {name(error)}")


made = gevent.Greenlet(never)
made.rawlink(lambda source: print("link of made"))
made.kill()
print(f"made: {flag(made.dead)}")
made.start()

scheduled = gevent.spawn(never)
scheduled.rawlink(lambda source: print("link of scheduled"))
scheduled.kill(block=False)
print(f"scheduled: {flag(scheduled.dead)}")

timed = gevent.spawn_later(0.001, never)
timed.rawlink(lambda source: print("link of timed"))
timed.kill(ValueError("kill"))
print(f"timed: {flag(timed.dead)}")

thrown = gevent.spawn(never)
thrown.rawlink(lambda source: print("link of thrown"))
thrown.throw(ValueError("throw"))
print(f"thrown: {flag(thrown.dead)}")

gevent.sleep(0.05)
for g in made, scheduled, timed, thrown:
    show(g)
