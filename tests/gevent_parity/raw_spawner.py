"""A raw greenlet knows its spawner and its tree, as a Greenlet does."""

import gevent
from gevent import getcurrent

from common import flag


def child(label):
    g = getcurrent()
    spawner = g.spawning_greenlet()
    print(f"{label}: spawned by main: {flag(spawner is main)}, by parent: {flag(spawner is parents[0])}, "
          f"by raw: {flag(spawner is raws[0])}")
    print(f"{label}: {g.spawn_tree_locals.get('name')}")


def parent():
    getcurrent().spawn_tree_locals["name"] = "tree of parent"
    raws[0] = gevent.spawn_raw(raw)
    gevent.sleep(0)
    gevent.sleep(0)


def raw():
    child("raw of parent")
    gevent.spawn(child, "greenlet of raw")
    gevent.spawn_raw(child, "raw of raw")
    gevent.sleep(0)


main, parents, raws = getcurrent(), [None], [None]
parents[0] = gevent.spawn(parent)
orphan = gevent.spawn_raw(child, "raw of main")
orphan.spawn_tree_locals["name"] = "tree of main's raw"
parents[0].join()
gevent.sleep(0)
print(f"gone: {flag(orphan.spawning_greenlet() is main)}")
