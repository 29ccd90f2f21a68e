"""The returncode of a child is known when it has ended: its exit code, or a signal, negative."""

from gevent.subprocess import Popen

for script in ("exit 0", "exit 3", "kill -TERM $$", "kill -KILL $$"):
    popen = Popen(["sh", "-c", script])
    print(f"before: {popen.returncode}")
    print(f"wait: {popen.wait()}, {popen.wait()}")
    print(f"after: {popen.returncode}, {popen.poll()}")
popen = Popen(["sleep", "100"])
print(f"running: {popen.poll()}")
popen.terminate()
print(f"terminated: {popen.wait()}")
popen.kill()
print(f"args: {popen.args[0]}")
