"""A greenlet that is killed while it joins another one leaves no link behind, and does not disturb it."""

import gevent

from common import flag


def joins():
    try:
        worker.join()
        print("never printed")
    finally:
        print("the join is over")


def gets():
    try:
        worker.get()
        print("never printed")
    finally:
        print("the get is over")


def works():
    gevent.sleep(0.3)
    print("worker ends")


worker = gevent.spawn(works)
joiner, getter = gevent.spawn(joins), gevent.spawn(gets)
gevent.sleep(0)
print(f"has links: {flag(worker.has_links())}")
joiner.kill()
print(f"has links: {flag(worker.has_links())}")
getter.kill()
print(f"has links: {flag(worker.has_links())}")
worker.join()
