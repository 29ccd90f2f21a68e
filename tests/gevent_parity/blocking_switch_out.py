"""A callback of the loop must not block: it gets BlockingSwitchOutError, which it may handle."""

import gevent
from gevent.exceptions import BlockingSwitchOutError

from common import name, report_errors

report_errors()
loop = gevent.get_hub().loop
g = gevent.Greenlet(print, "greenlet")


def tries(what, function):
    try:
        function()
    except BlockingSwitchOutError as error:
        print(f"{what}: {name(error)}")


def callback():
    tries("sleep(0)", lambda: gevent.sleep(0))
    tries("sleep(0.001)", lambda: gevent.sleep(0.001))
    tries("join", g.join)
    tries("get", g.get)
    tries("hub.switch", gevent.get_hub().switch)
    gevent.sleep(0)
    print("never printed")


loop.run_callback(callback)
timer = loop.timer(0)
timer.start(gevent.sleep, 0)
g.start()
g.rawlink(lambda source: tries("rawlink", lambda: gevent.sleep(0)))
g.join()
gevent.sleep(0.01)
