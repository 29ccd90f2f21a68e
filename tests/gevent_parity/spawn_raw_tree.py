"""Raw greenlets belong to the tree of their spawner, and hand it on."""

import gevent


def leaf():
    print(f"leaf: {gevent.getcurrent().spawn_tree_locals.get('name')}")


def root(name):
    gevent.getcurrent().spawn_tree_locals["name"] = name
    gevent.spawn_raw(lambda: gevent.spawn(leaf))


gevent.spawn(root, "one")
gevent.spawn(root, "two")
gevent.spawn_raw(lambda: gevent.spawn(leaf))
gevent.sleep(0.01)
