"""The values that a tree of greenlets shares are a dict: in the order in which their names came, and iterable."""

import gevent
from gevent import getcurrent

from common import flag


def show(when):
    values = getcurrent().spawn_tree_locals
    print(f"{when}: {len(values)} [{' '.join(values)}]")
    for name, value in values.items():
        print(f"{name}={value}")


def child():
    values = getcurrent().spawn_tree_locals
    values["c"] = 30
    values["a"] = 10
    del values["b"]
    values["b"] = 20
    show("child")
    print(f"{flag('b' in values)} {flag('d' in values)}")


def parent():
    values = getcurrent().spawn_tree_locals
    show("parent")
    for number, name in enumerate("cba"):
        values[name] = number
    show("parent")
    gevent.spawn(child).join()
    values.clear()
    show("cleared")


gevent.spawn(parent).join()
