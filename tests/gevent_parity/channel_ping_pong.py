"""Two greenlets talk over two channels, with others in between."""

import gevent
from gevent.queue import Channel

there, back = Channel(), Channel()
loop = gevent.get_hub().loop


def ponger():
    while True:
        ball = there.get()
        print(f"pong {ball}")
        back.put(ball + 1)


gevent.spawn(ponger)
ball = 0
for _ in range(3):
    loop.run_callback(print, "callback")
    there.put(ball)
    print(f"ping {ball}")
    loop.run_callback(print, "another callback")
    ball = back.get()
