"""Loads an HTTP server with many clients at once, until the time is over or Ctrl-C comes. Then prints a summary."""

import sys
import time
from collections import Counter

import gevent
from gevent import socket
from gevent.pool import Pool


def ask(address):
    with socket.create_connection(address) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        reply = sock.makefile("rb").read()
    return reply.split(b"\r\n")[0].decode()


def client(address, seconds, answers, times):
    with gevent.Timeout(seconds, False):
        while True:
            start = time.time()
            try:
                answer = ask(address)
            except OSError as error:
                answer = f"failed: {error}"
                gevent.sleep(0.01)
            answers[answer] += 1
            times.append(time.time() - start)


def main(address, clients, seconds):
    answers, times = Counter(), []
    pool = Pool(clients)
    try:
        for _ in range(clients):
            pool.spawn(client, address, seconds, answers, times)
        pool.join()
    except KeyboardInterrupt:
        print("interrupted")
        pool.kill()
    times.sort()
    print(f"{len(times)} answers")
    for answer, count in answers.most_common():
        print(f"{count:8} {answer}")
    for part in (50, 90, 99) if times else ():
        print(f"{part} % within {times[len(times) * part // 100] * 1000:.1f} ms")


if __name__ == "__main__":
    host, port = sys.argv[1].split(":")
    main((host, int(port)), int(sys.argv[2]), float(sys.argv[3]))
