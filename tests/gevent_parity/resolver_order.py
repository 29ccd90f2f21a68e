"""Other greenlets run while names are looked up, in the order in which they are asked for."""

import threading

import gevent
from gevent import socket
from gevent.threadpool import ThreadPool

pool = ThreadPool(1)
gevent.get_hub().resolver.pool = pool
told = threading.Event()
busy = pool.spawn(told.wait)


def look_up(name):
    print(f"{name} begins")
    print(f"{name}: {socket.gethostbyname('localhost')}")


def other(name):
    for i in range(2):
        print(f"{name} {i}")
        gevent.sleep(0)


looking = [gevent.spawn(look_up, name) for name in ("first", "second", "third")]
others = [gevent.spawn(other, name) for name in "ab"]
gevent.joinall(others)
told.set()
gevent.joinall(looking)
busy.get()
print(socket.gethostbyname_ex("localhost")[2])
print(socket.getaddrinfo("localhost", "http", socket.AF_INET, socket.SOCK_STREAM)[0][4])
print(socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST))
