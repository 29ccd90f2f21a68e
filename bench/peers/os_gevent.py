"""What os.rs measures, in Python: os_gevent.py CASE COUNT prints nanoseconds for each, and those of CPU time."""

import sys
import tempfile
import time

import gevent
from gevent import subprocess
from gevent.fileobject import FileObjectThread
from gevent.pool import Pool

SIZE = 16 << 20


def children(count):
    def one(_):
        assert subprocess.call(["true"]) == 0

    Pool(50).map(one, range(count))


def communicate(count):
    data = b"\7" * 10_000_000
    for _ in range(count // 10):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = child.communicate(data)
        assert len(out) == len(data)


def read_file(path, count, size):
    file, at = FileObjectThread(path, "rb"), 0
    for _ in range(count):
        assert len(file.read(size)) == size
        at += size
        if at == SIZE:
            file.seek(0)
            at = 0
    file.close()


def read_many(path, count, size):
    gevent.joinall([gevent.spawn(read_file, path, count // 100, size) for _ in range(100)], raise_error=True)


def main(case, count):
    with tempfile.NamedTemporaryFile() as data:
        data.write(b"\7" * SIZE)
        data.flush()
        cases = {
            "true": lambda: children(count),
            "communicate": lambda: communicate(count),
            "read-4k": lambda: read_file(data.name, count, 4 << 10),
            "read-1m": lambda: read_file(data.name, count, 1 << 20),
            "read-4k-100": lambda: read_many(data.name, count, 4 << 10),
        }
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        cases[case]()
        print((time.perf_counter_ns() - wall) / count, (time.process_time_ns() - cpu) / count)


main(sys.argv[1], int(sys.argv[2]))
