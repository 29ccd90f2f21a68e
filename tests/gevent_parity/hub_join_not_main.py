"""Only the main greenlet may join the hub."""

import gevent


def joins():
    try:
        gevent.get_hub().join()
    except AssertionError:
        print("refused")


gevent.spawn(joins).join()
print("the hub goes on")
gevent.sleep(0)
