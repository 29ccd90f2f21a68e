"""Spawn callbacks see each greenlet when it is started, once."""

import gevent


def callback(g):
    print(f"started: {g.name}")


def named(name):
    g = gevent.Greenlet(print, f"{name} runs")
    g.name = name
    return g


gevent.Greenlet.add_spawn_callback(callback)
gevent.Greenlet.add_spawn_callback(callback)
a, b, c = named("a"), named("b"), named("c")
a.start()
a.start()
b.start_later(0.001)
c.kill()
gevent.Greenlet.remove_spawn_callback(callback)
gevent.Greenlet.remove_spawn_callback(callback)
d = named("d")
d.start()
gevent.joinall([a, b, c, d])
