"""The keys of a selector: register, modify, unregister, get_key, get_map, close, and their errors."""

from gevent import socket

from gevent.selectors import EVENT_READ, EVENT_WRITE, GeventSelector

from common import flag

a, b = socket.socketpair()
s = GeventSelector()
names = {a.fileno(): "a", b.fileno(): "b"}


def show(key):
    print(names[key.fd], key.events, key.data)


def attempt(f, *arguments):
    try:
        show(f(*arguments))
    except (KeyError, ValueError, RuntimeError) as error:
        print(type(error).__name__)


def keys():
    print(" ".join(names[fd] for fd in s.get_map()))


attempt(s.register, a, EVENT_READ, "one")
attempt(s.register, a, EVENT_WRITE, "two")
attempt(s.register, a.fileno(), EVENT_READ, "three")
attempt(s.register, b, 0, "four")
attempt(s.register, b, 4, "five")
attempt(s.register, b, 7, "six")
attempt(s.register, -1, EVENT_READ, "seven")
attempt(s.get_key, b)
attempt(s.unregister, b)
attempt(s.modify, b, EVENT_READ, "eight")
attempt(s.register, b, EVENT_READ | EVENT_WRITE, "nine")
keys()
attempt(s.modify, a, EVENT_READ, "ten")
keys()
attempt(s.modify, a, EVENT_WRITE, "eleven")
keys()
attempt(s.get_key, a)
attempt(s.get_key, a.fileno())
attempt(s.unregister, a)
attempt(s.unregister, a)
keys()
m = s.get_map()
print(len(m), flag(a in m), flag(b in m))
s.close()
print(len(m), flag(s.get_map() is None))
attempt(s.get_key, b)
a.close()
b.close()
