"""Look-ups that are killed and that time out, while the resolver's only thread is busy."""

import threading

import gevent
from gevent import socket
from gevent.threadpool import ThreadPool

from common import name

pool = ThreadPool(1)
gevent.get_hub().resolver.pool = pool
told = threading.Event()
busy = pool.spawn(told.wait)


def look_up():
    try:
        print(socket.gethostbyname("localhost"))
    except BaseException as e:
        print(f"ended by {name(e)}")
        raise


greenlet = gevent.spawn(look_up)
gevent.sleep(0)
greenlet.kill()
print(name(greenlet.value))
timeout = gevent.Timeout.start_new(0.01)
try:
    socket.getaddrinfo("localhost", 80)
except gevent.Timeout as t:
    print(t is timeout)
finally:
    timeout.close()
waiting = gevent.spawn(look_up)
gevent.sleep(0)
told.set()
busy.get()
waiting.join()
pool.join()
print(f"tasks {len(pool)}")
