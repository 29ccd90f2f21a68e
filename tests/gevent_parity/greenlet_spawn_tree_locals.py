"""The spawner of each greenlet, and the values that a tree of greenlets shares."""

import gevent

from common import flag


def grandchild():
    gevent.getcurrent().spawn_tree_locals["seen"] = "by the grandchild"


def child():
    g = gevent.spawn(grandchild)
    print(f"spawned by the child: {flag(g.spawning_greenlet() is gevent.getcurrent())}")
    print(f"the same tree: {flag(g.spawn_tree_locals is gevent.getcurrent().spawn_tree_locals)}")
    g.join()


a, b = gevent.spawn(child), gevent.Greenlet(child)
print(f"spawned by main: {flag(a.spawning_greenlet() is gevent.getcurrent())}")
print(f"the same tree: {flag(a.spawn_tree_locals is b.spawn_tree_locals)}")
a.join()
print(f"a: {a.spawn_tree_locals.get('seen')}")
print(f"b: {b.spawn_tree_locals.get('seen')}")
