"""System errors reach main wherever they are raised. Only SystemExit is not printed."""

import gevent

from common import name, report_errors

report_errors()
loop = gevent.get_hub().loop


def raises(error):
    raise error


def catch(where):
    try:
        gevent.sleep(0.01)
        print(f"{where}: nothing")
    except (SystemExit, KeyboardInterrupt, SystemError) as error:
        print(f"{where}: {name(error)}")


for error in SystemExit(1), KeyboardInterrupt(), SystemError("broken"):
    loop.run_callback(raises, error)
    catch("callback")
    timer = loop.timer(0)
    timer.start(raises, error)
    catch("timer")
    gevent.spawn_raw(raises, error)
    catch("raw greenlet")
    gevent.spawn(raises, error)
    catch("greenlet")
    g = gevent.spawn(lambda: None)
    g.rawlink(lambda source: raises(error))
    catch("link")
    gevent.sleep(0)
