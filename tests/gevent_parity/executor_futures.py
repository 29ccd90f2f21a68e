"""Futures of an executor: results, errors, callbacks, and the end of the executor."""

import concurrent.futures
import threading

import gevent
from gevent.threadpool import ThreadPoolExecutor

from common import flag, name, report_errors


def fail():
    raise ValueError("on purpose")


def told(future):
    print(f"told: done {flag(future.done())}")


report_errors()
executor = ThreadPoolExecutor(2)
future = executor.submit(lambda: 7)
print(future.result(), future.exception(), flag(future.done()), flag(future.cancelled()))
future.add_done_callback(told)
print("told at once")

go_on = threading.Event()
future = executor.submit(go_on.wait)
print(f"running {flag(not future.done())}, cancel {flag(future.cancel())}")
for ask in (future.result, future.exception):
    try:
        ask(timeout=0.01)
    except concurrent.futures.TimeoutError:
        print("TimeoutError")
future.add_done_callback(told)
future.add_done_callback(told)
print(f"waited for {len(gevent.wait([future], timeout=0.01))}")
go_on.set()
print(f"waited for {len(gevent.wait([future]))}")
print(flag(future.result()))

future = executor.submit(fail)
gevent.wait([future])
print(f"exception {name(future.asyncresult.exception)}")
try:
    future.result()
except ValueError as error:
    print(f"ValueError {error}")

print(list(executor.map(lambda i: i * 2, range(5))))
executor.shutdown()
try:
    executor.submit(fail)
except RuntimeError as error:
    print(error)
