"""A link that is added after the end is called soon, in the hub; it does not need a waiter."""

import gevent

loop = gevent.get_hub().loop

g = gevent.spawn(lambda: "value")
g.join()
print(f"ended: {g.value}")
loop.run_callback(print, "callback before")
g.link(lambda source: print(f"link: {source.value}"))
loop.run_callback(print, "callback between")
g.rawlink(lambda source: print(f"rawlink: {source.value}"))
loop.run_callback(print, "callback after")
print("linked")
gevent.sleep(0)


def relink(source):
    print("a link links again")
    source.rawlink(lambda source: print("linked by a link"))


g.rawlink(relink)
g.rawlink(lambda source: print("linked before that"))
gevent.sleep(0)
