"""What cannot be started, and keywords that exclude each other."""

import errno

from gevent.subprocess import DEVNULL, PIPE, STDOUT, Popen, check_output, run

from common import flag

for args, cwd in ((["/no such program"], None), (["true"], "/no such folder"), (["/etc/passwd"], None)):
    try:
        Popen(args, cwd=cwd)
    except OSError as error:
        print(f"{args[0]}: {flag(error.errno == errno.ENOENT)} {flag(error.errno == errno.EACCES)}")
for what, start in (
    ("stdin and input", lambda: run(["cat"], stdin=DEVNULL, input=b"x")),
    ("capture_output", lambda: run(["true"], stdout=PIPE, capture_output=True)),
    ("stdout", lambda: check_output(["true"], stdout=PIPE)),
    ("STDOUT", lambda: Popen(["true"], stdout=STDOUT)),
):
    try:
        start()
    except ValueError:
        print(f"{what}: refused")
