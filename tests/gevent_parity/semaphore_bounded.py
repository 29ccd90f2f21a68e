"""A bounded semaphore refuses more releases than acquires; other semaphores count on."""

from gevent.lock import BoundedSemaphore, DummySemaphore, Semaphore

from common import flag

bounded = BoundedSemaphore(2)
bounded.acquire()
print(f"release: {bounded.release()}")
try:
    bounded.release()
except ValueError as error:
    print(error)
print(f"acquired: {flag(bounded.acquire())} {flag(bounded.acquire())} {flag(bounded.acquire(blocking=False))}")
print(f"in time: {flag(bounded.acquire(timeout=0.001))}, locked: {flag(bounded.locked())}")

semaphore = Semaphore(0)
semaphore.release()
print(f"release: {semaphore.release()}")
with semaphore:
    print(f"held: {semaphore.counter}")
print(f"after: {semaphore.counter}")

dummy = DummySemaphore()
print(f"dummy: {flag(dummy.acquire())} {flag(dummy.acquire())} {flag(dummy.locked())} {dummy.wait()}")
