"""The end of a `with` block closes the pipes, and waits for the child."""

from gevent.subprocess import PIPE, Popen

from common import flag

with Popen(["sh", "-c", "cat; exit 4"], stdin=PIPE, stdout=PIPE, stderr=PIPE) as popen:
    popen.stdin.write(b"line\n")
    popen.stdin.flush()
    print(f"read: {popen.stdout.readline().decode().strip()}")
    print(f"inside: {popen.poll()}")
print(f"closed: {flag(popen.stdin.closed)} {flag(popen.stdout.closed)} {flag(popen.stderr.closed)}")
print(f"outside: {popen.returncode} {popen.wait()} {popen.poll()}")
popen.kill()

with Popen(["sh", "-c", "read line"], stdin=PIPE) as popen:
    popen.kill()
print(f"killed: {popen.returncode}")
