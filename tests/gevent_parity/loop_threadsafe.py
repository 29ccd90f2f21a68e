"""run_callback_threadsafe wakes a loop that sleeps, from another thread; in the order of the calls."""

import threading

import gevent

hub = gevent.get_hub()
loop = hub.loop
done = loop.async_()


def thread():
    loop.run_callback_threadsafe(print, "first from the thread")
    loop.run_callback_threadsafe(print, "second from the thread")
    loop.run_callback_threadsafe(done.send)


other = threading.Thread(target=thread)
gevent.spawn(other.start)
hub.wait(done)
print("main is woken")
other.join()
