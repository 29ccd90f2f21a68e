"""What the shell prints, as text."""

from gevent.subprocess import getoutput, getstatusoutput

print(f"output: {getoutput('echo hello')}")
print(f"lines: {getoutput('echo one; echo two >&2').split()}")
for script in ("echo hello", "echo no >&2; exit 3", "printf unended", "echo; echo", "kill -TERM $$"):
    status, output = getstatusoutput(script)
    print(f"{script}: {status} {len(output)}")
