"""`call`, `check_call` and `check_output`."""

from gevent.subprocess import STDOUT, CalledProcessError, call, check_call, check_output

from common import name

print(f"call: {call(['sh', '-c', 'exit 3'])}")
print(f"shell: {call('exit 3 | exit 4', shell=True)}")
check_call(["true"])
try:
    check_call(["false"])
except CalledProcessError as error:
    print(f"{name(error)} {error.cmd[0]} {error.returncode} {error.output}")
print(f"output: {check_output(['echo', 'hello']).decode().strip()}")
print(f"input: {check_output(['cat'], input=b'pear').decode()}")
print(f"both: {check_output('echo a; echo b >&2', shell=True, stderr=STDOUT).split()}")
try:
    check_output(["sh", "-c", "echo partly; kill -TERM $$"])
except CalledProcessError as error:
    print(f"{name(error)} {error.returncode} {error.output}")
