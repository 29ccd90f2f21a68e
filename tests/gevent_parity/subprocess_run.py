"""`run` and its keywords."""

from gevent.subprocess import PIPE, CalledProcessError, TimeoutExpired, run

from common import flag, name

done = run(["sh", "-c", "echo out; exit 3"], stdout=PIPE)
print(f"{done.returncode} {done.stdout.decode().strip()} {done.stderr}")
try:
    done.check_returncode()
except CalledProcessError as error:
    print(f"{name(error)} {error.returncode} {error.output.decode().strip()} {error.stderr}")
done = run(["cat"], input=b"pear", capture_output=True, check=True)
print(f"{done.returncode} {done.stdout.decode()} {len(done.stderr)}")
try:
    run(["sh", "-c", "echo no >&2; exit 4"], capture_output=True, check=True)
except CalledProcessError as error:
    print(f"{name(error)} {error.returncode} {len(error.output)} {error.stderr.decode().strip()}")
try:
    run(["sleep", "100"], timeout=0.01)
except TimeoutExpired as error:
    print(f"{name(error)} {error.timeout} {flag(error.output is None)}")
