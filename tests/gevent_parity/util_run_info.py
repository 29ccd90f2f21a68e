"""The parts of the run info, and what leaves some of them out."""

import io

import gevent
from gevent.util import format_run_info, print_run_info

from common import flag


def show(what, lines):
    text = "\n".join(lines)
    print(f"{what}:")
    for head in ("* Threads", "* Greenlets", "---- Thread boundary"):
        print(f"  {head}: {text.count(head)}")
    print(f"  current threads: {text.count('(CURRENT)')}")
    print(f"  elided: {flag('...stack elided...' in text)}")
    running = "Running:" in text
    print(f"  running: {flag(running)}, by name: {flag(running and 'waits_in_here' in text)}")
    print(f"  spawned: {text.count('Spawned at:')}")


def waits_in_here():
    gevent.sleep(100)


show("at first", format_run_info())
g = gevent.Greenlet(lambda: waits_in_here())
g.name = "a name"
g.start()
gevent.sleep(0)
show("with a greenlet", format_run_info())
show("without stacks of threads", format_run_info(thread_stacks=False))
lines = format_run_info(greenlet_stacks=False)
show("without stacks of greenlets", lines)
print(f"named: {flag('a name' in str(lines))}")
file = io.StringIO()
print_run_info(file=file, greenlet_stacks=False, thread_stacks=False)
show("to a file", file.getvalue().splitlines())
g.kill()
