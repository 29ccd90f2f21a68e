"""Pipes are read and written like files, and passed on to other children."""

from gevent.subprocess import PIPE, Popen

cat = Popen(["cat"], stdin=PIPE, stdout=PIPE)
for text in (b"one", b"two"):
    cat.stdin.write(text + b"\n")
    cat.stdin.flush()
    print(f"line: {cat.stdout.readline().decode().strip()}")
cat.stdin.write(b"three\nfour")
cat.stdin.close()
print(f"lines: {[line.decode().strip() for line in cat.stdout]}")
print(f"end: {cat.stdout.read()!r} {cat.wait()}")
seq = Popen(["seq", "5"], stdout=PIPE)
tac = Popen(["tac"], stdin=seq.stdout, stdout=PIPE)
print(f"tac: {tac.communicate()[0].decode().split()} {seq.wait()}")
