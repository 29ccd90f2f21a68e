"""Follows the links of a web site with a few workers, and prints each page that it finds."""

import re
import sys

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.queue import JoinableQueue

WORKERS = 4
TRIES = 3
LIMIT = 2


def fetch(address, path):
    with gevent.Timeout(LIMIT):
        with socket.create_connection(address) as sock:
            sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            reply = sock.makefile("r").read()
    status = reply.split(" ", 2)[1]
    if status != "200":
        raise ValueError(f"status {status}")
    return reply


class Crawler:
    def __init__(self, address):
        self.address = address
        self.queue = JoinableQueue()
        self.seen = set()
        self.pages = {}

    def add(self, path):
        if path not in self.seen:
            self.seen.add(path)
            self.queue.put((path, 1))

    def visit(self, path, attempt):
        try:
            page = fetch(self.address, path)
        except (OSError, ValueError, gevent.Timeout) as error:
            if attempt < TRIES:
                self.queue.put((path, attempt + 1))
            else:
                self.pages[path] = f"failed: {error}"
            return
        self.pages[path] = f"{len(page)} bytes, attempt {attempt}"
        for link in re.findall(r'href="([^"]+)"', page):
            self.add(link)

    def work(self):
        while True:
            path, attempt = self.queue.get()
            try:
                self.visit(path, attempt)
            finally:
                self.queue.task_done()

    def crawl(self, path):
        self.add(path)
        pool = Pool(WORKERS)
        for _ in range(WORKERS):
            pool.spawn(self.work)
        self.queue.join()
        pool.kill()
        return self.pages


if __name__ == "__main__":
    host, port = sys.argv[1].split(":")
    for path, text in sorted(Crawler((host, int(port))).crawl("/").items()):
        print(path, text)
