"""Negative times count as 0 everywhere."""

import gevent

from common import flag

hub = gevent.get_hub()
never = gevent.spawn(gevent.sleep, 100)
never.join(timeout=-1)
print(f"join: {flag(never.ready())}")
try:
    never.get(timeout=-1)
except gevent.Timeout:
    print("get")
print(f"wait: {len(gevent.wait([never], timeout=-1))}")
print(f"joinall: {len(gevent.joinall([never], timeout=-1))}")
print(f"hub.join: {flag(hub.join(timeout=-1))}")
timeout = gevent.Timeout.start_new(-1)
try:
    gevent.sleep(100)
except gevent.Timeout as error:
    print(f"timeout: {flag(error is timeout)}")
gevent.spawn_later(-1, print, "spawn_later").join()
print(gevent.with_timeout(-1, never.get, timeout_value="with_timeout"))
never.kill()
