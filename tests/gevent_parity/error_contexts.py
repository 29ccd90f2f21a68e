"""handle_error gets the object that has failed as its context, for all that can fail."""

import os
import signal

import gevent
from gevent.event import AsyncResult, Event
from gevent.hub import Waiter
from gevent.lock import BoundedSemaphore, Semaphore
from gevent.queue import Queue
from gevent.server import StreamServer
from gevent.socket import create_connection
from gevent.threadpool import ThreadPool

from common import flag

hub = gevent.get_hub()
loop = hub.loop
label = ""
whose = None


def handle_error(context, type, value, tb):
    name = context.__class__.__name__
    own = context is whose
    if context is None:
        text = "nobody"
    elif name == "tuple":
        first, second = context
        own = second is whose
        if name_of(first) == "_WorkerGreenlet":
            text, own = "a task", first.parent is not None
        elif isinstance(first, tuple):
            text = f"connection of {name_of(second)}"
        else:
            text = f"{name_of(first)} of {name_of(second)}"
    elif name == "builtin_function_or_method":
        text, own = context.__name__, context.__self__ is whose
    elif name == "callback":
        text = f"callback pending: {flag(context.pending)} scheduled: {flag(bool(context))}"
        own = own or whose is raw
    else:
        text = {"TrackedRawGreenlet": "greenlet"}.get(name, name.strip("_"))
    print(f"{label}: {text}, its own: {flag(own)}")


def name_of(thing):
    name = thing.__class__.__name__
    return "switch" if name == "builtin_function_or_method" else name


raw = object()
hub.handle_error = handle_error


def fail(*args):
    raise ValueError(args)


def case(what, thing):
    """What fails from now on, and whose fault it is."""
    global label, whose
    label, whose = what, thing


def settle():
    for _ in range(4):
        gevent.sleep(0.001)


case("greenlet", gevent.Greenlet(fail))
whose.start()
settle()
for method in "link", "link_value", "rawlink":
    case(method, gevent.Greenlet(int))
    getattr(whose, method)(fail)
    whose.start()
    settle()
g = gevent.Greenlet(fail)
case("failed greenlet", g)
g.start()
settle()
case("link_exception", g)
g.link_exception(fail)
settle()

case("event", Event())
whose.rawlink(fail)
whose.set()
settle()
case("result", AsyncResult())
whose.rawlink(fail)
whose.set(5)
settle()
for kind in Semaphore, BoundedSemaphore:
    case("semaphore", kind(1))
    whose.acquire()
    whose.rawlink(fail)
    whose.release()
    settle()

case("callback", loop.run_callback(fail))
settle()
case("callback of a thread", loop.run_callback_threadsafe(fail))
settle()
case("spawn_raw", raw)
gevent.spawn_raw(fail)
settle()

reader, writer = os.pipe()
os.write(writer, b"x")
case("io", loop.io(reader, 1))
whose.start(fail)
settle()
case("timer", loop.timer(0))
whose.start(fail)
settle()
case("async", loop.async_())
whose.start(fail)
whose.send()
settle()
whose.stop()
case("signal", loop.signal(signal.SIGUSR1))
whose.start(fail)
os.kill(os.getpid(), signal.SIGUSR1)
settle()
whose.stop()
case("signal handler", None)
handler = gevent.signal_handler(signal.SIGUSR2, fail)
os.kill(os.getpid(), signal.SIGUSR2)
settle()
handler.cancel()


def waits(wait):
    """A raw greenlet that waits and fails."""

    def run():
        try:
            wait()
        finally:
            fail()

    greenlet = gevent.spawn_raw(run)
    gevent.sleep(0)
    return greenlet


waiter = Waiter()
case("Waiter.switch", waits(waiter.get))
loop.run_callback(waiter.switch, 1)
settle()
waiter = Waiter()
case("Waiter.throw", waits(waiter.get))
loop.run_callback(waiter.throw, KeyError)
settle()
case("sleep", waits(lambda: gevent.sleep(0.001)))
settle()
case("sleep(0)", waits(lambda: [gevent.sleep(0), gevent.sleep(0)]))
settle()
queue = Queue()
case("queue", waits(queue.get))
queue.put(1)
settle()
event = Event()
waits(event.wait)
case("who waits for an event", event)
event.set()
settle()
g = gevent.Greenlet(int)
waits(g.join)
case("who joins", g)
g.start()
settle()
watcher = loop.io(reader, 1)
os.read(reader, 1)
case("cancel_wait", waits(lambda: hub.wait(watcher)))
hub.cancel_wait(watcher, KeyError, True)
settle()


def forever():
    hub.switch()


case("kill", gevent.spawn(forever))
gevent.sleep(0)
whose.kill(ValueError, block=False)
settle()
case("kill, not begun", gevent.Greenlet(forever))
whose.kill(ValueError, block=False)
settle()
g = gevent.spawn_raw(forever)
gevent.sleep(0)
case("kill, raw", raw)
gevent.kill(g, ValueError)
settle()
g = gevent.spawn_raw(forever)
gevent.sleep(0)
case("killall, raw", g)
gevent.killall([g], ValueError, block=False)
settle()

pool = ThreadPool(1)
case("task", pool)
pool.spawn(fail).wait()
settle()

server = StreamServer(("127.0.0.1", 0), fail, spawn=None)
server.start()
case("connection", server)
client = create_connection(server.address)
client.recv(1)
settle()
server.stop()
