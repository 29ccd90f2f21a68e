"""imap and imap_unordered: the times at which tasks run, the order of the values, errors in between."""

import gevent
from gevent.pool import Pool

from common import report_errors

report_errors()


def task(i):
    print(f"{i} begins")
    for _ in range(4 - i):
        gevent.sleep(0)
    print(f"{i} ends")
    if i == 1:
        raise ValueError(str(i))
    return i


def values(iterator):
    while True:
        try:
            print(f"value {next(iterator)}")
        except ValueError as e:
            print(f"ValueError {e}")
        except StopIteration:
            print("that is all")
            return


values(Pool(3).imap(task, range(4)))
values(Pool(3).imap_unordered(task, range(4)))
values(Pool(3).imap(task, []))
