"""Greenlets spawn greenlets: the children run after those that are queued already."""

import gevent


def node(name, depth):
    print(f"{name} begins")
    if depth:
        children = [gevent.spawn(node, f"{name}{i}", depth - 1) for i in (0, 1)]
        gevent.joinall(children)
        print(f"{name} has joined its children")


roots = [gevent.spawn(node, name, 2) for name in "ab"]
gevent.joinall(roots)
