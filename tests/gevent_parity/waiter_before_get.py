"""A Waiter keeps a value that it is given without a getter; any number of gets return it."""

from gevent.hub import Waiter

from common import flag, name


def show(waiter):
    print(f"ready={flag(waiter.ready())} successful={flag(waiter.successful())}")


waiter = Waiter()
show(waiter)
waiter.switch("first")
waiter.switch("second")
show(waiter)
print(waiter.get())
print(waiter.get())
waiter.throw(ValueError("third"))
show(waiter)
for _ in range(2):
    try:
        waiter.get()
    except ValueError as error:
        print(f"{name(error)} {error}")
waiter.clear()
show(waiter)
waiter.switch("fourth")
print(waiter.get())
