"""The text of a timeout."""

import gevent
from gevent import Timeout


def said(timeout):
    timeout.start()
    try:
        gevent.sleep(10)
    except Timeout as error:
        print("raised:", error)
    except ValueError as error:
        print("raised ValueError:", error)
    finally:
        timeout.close()


print(f"[{Timeout()}] [{Timeout(1)}] [{Timeout(2)}] [{Timeout(0.5)}]")
print(f"[{Timeout(1, 'too slow')}] [{Timeout(0.5, ValueError('no'))}]")
said(Timeout(0.001))
said(Timeout(0.001, "too slow"))
said(Timeout(0.001, ValueError("no")))
