"""A Python that has the right gevent, and our extension for that very Python. All of it is in target/pygevent."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

GEVENT = "26.9.0"
HERE = Path(__file__).resolve().parent.parent
TARGET = HERE.parent / "target" / "pygevent"
# What gevent's own tests use if it is there, and the leak checks need.
EXTRAS = ["objgraph", "psutil"]
LOOPS = {"gevent": "libev-cext", "rust": "rustloop.loop"}

VENV = TARGET / f"python{sys.version_info[0]}.{sys.version_info[1]}-gevent-{GEVENT}"
PYTHON = VENV / "bin" / "python"


def environment(loop=None, modules=None, **more):
    """The environment of a program on one of the loops: nothing counts that the caller's says about Python or gevent."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("GEVENT", "PYTHON"))}
    plain |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "PYTHONFAULTHANDLER": "1"}
    if modules:
        plain["PYTHONPATH"] = str(modules)
    if loop:
        plain["GEVENT_LOOP"] = LOOPS[loop]
    return plain | more


def python():
    """The interpreter, in a virtual environment of its own, which is made if it is not there."""
    question = f"import sys, gevent, {', '.join(EXTRAS)}; sys.exit(gevent.__version__ != {GEVENT!r})"
    there = PYTHON.exists() and subprocess.run([PYTHON, "-c", question], env=environment()).returncode == 0
    if not there:
        print(f"installing gevent {GEVENT} into {VENV}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, f"gevent=={GEVENT}", *EXTRAS], check=True)
    return PYTHON


def extension(assertions=False):
    """Builds the extension. Returns the folder to import `rustloop` from."""
    name = "assertions" if assertions else "release"
    build = ["cargo", "build", "--quiet", "--locked", "--manifest-path", HERE / "Cargo.toml"]
    build += ["--target-dir", TARGET / f"build-{name}"]
    if not assertions:
        build.append("--release")
    variables = {"PYO3_PYTHON": str(python()), "PYO3_BUILD_EXTENSION_MODULE": "1"}
    if assertions:
        # libev's own assertions, and a check of its data in each iteration. (From 2 on, libev also asserts that each
        # descriptor is open. gevent's tests close some that are watched, which is no error in a default build.)
        variables |= {"LIBEV_SYS_ASSERTIONS": "1", "LIBEV_SYS_VERIFY": "1"}
    subprocess.run(build, check=True, env=environment(**variables))
    modules = TARGET / f"modules-{name}"
    package = modules / "rustloop"
    package.mkdir(parents=True, exist_ok=True)
    profile = "debug" if assertions else "release"
    # A running program may use the old file, so it is replaced, not overwritten.
    library = package / "_rustloop.so"
    fresh = library.with_suffix(".new")
    shutil.copy(TARGET / f"build-{name}" / profile / "lib_rustloop.so", fresh)
    fresh.replace(library)
    for source in (HERE / "python" / "rustloop").glob("*.py"):
        shutil.copy(source, package)
    return modules


def installed():
    """What `pip install` makes of the package, in an environment that has nothing else. Returns its interpreter."""
    venv = TARGET / "installed"
    subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    install = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"gevent=={GEVENT}", HERE], check=True, env=environment())
    return venv / "bin" / "python"


def source():
    """gevent's source distribution, which has CPython's tests as gevent patches them."""
    unpacked = TARGET / f"gevent-{GEVENT}"
    if not unpacked.exists():
        archive = TARGET / f"gevent-{GEVENT}.tar.gz"
        if not archive.exists():
            download = [python(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*download, "--no-binary", "gevent", f"gevent=={GEVENT}", "--dest", TARGET], check=True)
        with tarfile.open(archive) as tar:
            tar.extractall(TARGET, filter="data")
    return unpacked
