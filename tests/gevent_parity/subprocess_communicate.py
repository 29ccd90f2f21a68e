"""Input goes in, outputs come out; who does not read its input is no error."""

from gevent.subprocess import PIPE, Popen

popen = Popen(["sh", "-c", "echo no >&2; cat"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
out, err = popen.communicate(b"yes\n")
print(f"out: {out.decode().strip()}, err: {err.decode().strip()}, {popen.returncode}")
popen = Popen(["sh", "-c", "exit 3"], stdin=PIPE, stdout=PIPE)
out, err = popen.communicate(b"x" * 1000000)
print(f"out: {len(out)}, err: {err}, {popen.returncode}")
popen = Popen(["true"])
out, err = popen.communicate()
print(f"out: {out}, err: {err}, {popen.returncode}")
