"""The shape of a tree of greenlets that wait, from several places."""

import re

import gevent
from gevent.util import GreenletTree


def shape(tree):
    """The lines, of each greenlet only what it is. The hub has no fixed place."""
    for line in str(tree).splitlines():
        if "<Hub" in line:
            continue
        found = re.match(r'([^<]*)<(?:Greenlet "([^"]*)")?', line)
        rest = "; not running" if line.endswith("; not running") else ""
        print(f"{found.group(1)}{found.group(2) or 'main'}{rest}")


def spawn(name, *children):
    def run():
        for child in children:
            spawn(*child)
        gevent.sleep(100)

    g = gevent.Greenlet(run)
    g.name = name
    g.minimal_ident  # in the order in which they are spawned
    g.start()
    all_greenlets.append(g)


all_greenlets = []
spawn("a", ("b", ("c",), ("d",)), ("e",))
spawn("f")
print("nobody has begun")
shape(GreenletTree.current_tree())
for _ in range(4):
    gevent.sleep(0)
print("all wait")
shape(GreenletTree.current_tree())
print("from inside")
asks = gevent.Greenlet(lambda: shape(GreenletTree.current_tree()))
asks.name = "asks"
asks.minimal_ident
asks.start()
asks.join()
print(f"{len(GreenletTree.forest())} tree")
