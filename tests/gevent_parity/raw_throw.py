"""throw into a greenlet that waits, that has never run, and that is dead; and the results."""

from greenlet import GreenletExit, getcurrent, greenlet

from common import flag, name

main = getcurrent()


def throw(label, g, error):
    try:
        print(f"{label}: returns {g.throw(error)}")
    except ValueError as raised:
        print(f"{label}: raises {name(raised)} {raised}")
    print(f"dead={flag(g.dead)}")


def catches():
    try:
        main.switch()
    except ValueError as error:
        print(f"catches {error}")
    return "value"


def passes():
    main.switch()


def parked(run):
    g = greenlet(run)
    g.switch()
    return g


throw("caught", parked(catches), ValueError("1"))
throw("not caught", parked(passes), ValueError("2"))
throw("never ran", greenlet(passes), ValueError("3"))
dead = greenlet(lambda: None)
dead.switch()
throw("dead", dead, ValueError("4"))
for label, g in ("exit", parked(passes)), ("exit, never ran", greenlet(passes)), ("exit, dead", dead):
    print(f"{label}: returns {name(g.throw(GreenletExit()))}, dead={flag(g.dead)}")
