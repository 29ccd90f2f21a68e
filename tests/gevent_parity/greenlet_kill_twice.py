"""The second of two kills finds the greenlet where the first one has left it."""

import gevent


def worker():
    for i in range(2):
        try:
            gevent.sleep(100)
        except gevent.GreenletExit:
            print(f"exit {i}")
    print("ends")


g = gevent.spawn(worker)
gevent.sleep(0)
g.kill(block=False)
g.kill(block=False)
print("killed twice")
g.join()

g = gevent.spawn(lambda: gevent.sleep(100))
gevent.sleep(0)
killers = [gevent.spawn(g.kill), gevent.spawn(g.kill)]
gevent.joinall(killers)
print("both killers are back")
