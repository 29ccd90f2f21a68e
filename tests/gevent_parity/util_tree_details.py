"""The details of a tree that both print: parents, places of spawn, trees with values."""

import re

import gevent
from gevent.util import GreenletTree

BOTH = ("Parent:", "Spawned at:", "Spawn Tree Locals", "Greenlet Locals")


def show(lines):
    """The lines, of each greenlet only what it is. The hub has no fixed place."""
    hub = [number for number, line in enumerate(lines) if re.match(r" \+--- <Hub", line)]
    for number, line in enumerate(lines):
        if number in hub or number - 1 in hub and "Parent:" in line:
            continue
        detail = next((detail for detail in BOTH if detail in line), None)
        if detail:
            value = line.split(detail)[1]
            print(line.split(detail)[0] + detail + kind(value))
        elif "<" in line and re.match(r"[ |:+-]*<(Greenlet|Hub|greenlet)", line):
            print(line.split("<")[0] + kind(line))


def kind(text):
    found = re.search(r'<(?:Greenlet "([^"]*)"|(Hub)?)', text)
    return " " + (found.group(1) or found.group(2) or "main") if found else text


def child():
    gevent.sleep(100)


def parent(with_values):
    if with_values:
        gevent.getcurrent().spawn_tree_locals["request"] = 7
    g = gevent.Greenlet(child)
    g.name = "child"
    g.minimal_ident
    g.start()
    g.join()


greenlets = []
for name in ("with values", "without"):
    g = gevent.Greenlet(parent, name == "with values")
    g.name = name
    g.minimal_ident
    g.start()
    greenlets.append(g)
    gevent.sleep(0)
gevent.sleep(0)
tree = GreenletTree.current_tree()
show(tree.format_lines(details={"running_stacks": False, "spawning_stacks": False}))
print("with places")
show(tree.format_lines(details={"running_stacks": False}))
print("without details")
show(tree.format_lines(details=False))
