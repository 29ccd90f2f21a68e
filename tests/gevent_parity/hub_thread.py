"""A thread has a hub and a loop of its own; its main greenlet may join the hub."""

import threading

import gevent
from gevent._hub_local import get_hub_if_exists

from common import flag

main_hub = gevent.get_hub()
print("main:", flag(main_hub.main_hub), flag(main_hub.loop.default))


def in_thread():
    print("before:", flag(get_hub_if_exists() is None))
    hub = gevent.get_hub()
    print("thread:", flag(hub.main_hub), flag(hub.loop.default), flag(hub is main_hub))
    gevent.spawn_later(0.001, print, "greenlet in the thread")
    print("joined:", flag(hub.join(timeout=10)))
    g = gevent.spawn(lambda: 7)
    print("got:", g.get())
    try:
        gevent.spawn(gevent.sleep, 0)
        hub.switch()
    except gevent.exceptions.LoopExit:
        print("LoopExit in the thread")
    hub.destroy(destroy_loop=True)
    print("after:", flag(get_hub_if_exists() is None))


thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
gevent.sleep(0)
print("main goes on")
