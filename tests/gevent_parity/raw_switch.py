"""The package greenlet: a switch carries a value there and back; the end goes to the parent."""

from greenlet import getcurrent, greenlet

from common import flag

main = getcurrent()


def show(g):
    print(f"active={flag(g)} dead={flag(g.dead)}")


def ping(first):
    print(f"ping begins with {first}")
    second = main.switch("from ping")
    print(f"ping goes on with {second}")
    third = pong.switch("from ping to pong")
    print(f"ping ends with {third}")
    return "ping's value"


def pong(first):
    print(f"pong begins with {first}")
    second = ping.switch("from pong to ping")
    print(f"pong ends with {second}")
    return "pong's value"


ping, pong = greenlet(ping), greenlet(pong)
show(ping)
print(ping.switch("main 1"))
show(ping)
print(ping.switch("main 2"))
show(ping)
print(pong.switch("main 3"))
show(pong)
print(ping.switch("comes back from the dead"))
