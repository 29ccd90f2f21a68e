"""The end of a greenlet goes to its nearest living parent."""

from greenlet import getcurrent, greenlet

from common import flag, name

main = getcurrent()


def middle():
    inner = greenlet(lambda: "inner's value")
    print(f"the maker is the parent: {flag(inner.parent is getcurrent())}")
    print(f"middle gets {inner.switch()}")
    fails = greenlet(raises)
    try:
        fails.switch()
    except ValueError as error:
        print(f"middle gets {name(error)}")
    return "middle's value"


def raises():
    raise ValueError("child")


g = greenlet(middle)
print(f"main gets {g.switch()}")

orphan = greenlet(lambda: "orphan's value", g)
print(f"main, for the parent is dead, gets {orphan.switch()}")

a, b = greenlet(lambda: None), greenlet(lambda: None)
b.parent = a
try:
    a.parent = b
except ValueError:
    print("no cycles")
try:
    main.parent = a
except AttributeError:
    print("main has no parent")
