"""Commands for gdb that list the greenlets of a program and their backtraces, in a live process or in a core dump.

    gdb -p PID -x docs/gdb/gevent.py             (or: gdb PROGRAM CORE -x docs/gdb/gevent.py)
    (gdb) greenlets                    all greenlets, a line for each: where it is parked
    (gdb) greenlets 7                  the backtrace of greenlet 7 of every thread
    (gdb) greenlets all                the backtraces of all

The program must not be stripped. Nothing in it is changed, and none of its code is run.

How it works: the static `greenlet_core::debugger::THREADS` has the addresses of all greenlets, and the offsets in them.
gdb walks stacks from the registers of a thread, which a core dump does not allow to be set. So an unwinder says, for a
moment, that the innermost frame of the selected thread was called by a parked greenlet; gdb goes on from there.
"""

import re

import gdb
from gdb.unwinder import Unwinder, register_unwinder

LAYOUT = 1
WORD = 8
# The registers that a switch leaves on a stack, lowest word first, and how many words it leaves; as
# greenlet-core/src/arch/x86_64.rs and aarch64.rs draw it.
SWITCHES = {
    "x86-64": (("rbx", "rbp", "rip"), "rsp", 3),
    "aarch64": (("x19", "x29", "pc"), "sp", 4),
}
# The crates of the runtime, in the names of functions. What a greenlet waits in is below them, and why is above.
RUNTIME = re.compile(r"<?(greenlet_core|waiter|hub|gevent|core|alloc|std)::")


def word(address):
    memory = gdb.selected_inferior().read_memory(address, WORD)
    return int.from_bytes(memory.tobytes(), "little")


def threads_address():
    """The address of the static that describes all greenlets."""
    name = "greenlet_core::debugger::THREADS"
    try:
        # With full debug information, it is a variable.
        return int(gdb.parse_and_eval(f"&{name}"))
    except gdb.error:
        pass
    # Else a symbol, perhaps with a hash behind its name.
    symbols = gdb.execute(f"info variables {name}", to_string=True)
    found = re.search(rf"^0x([0-9a-f]+) +{name}(::h[0-9a-f]+)?$", symbols, re.MULTILINE)
    if found is None:
        raise gdb.GdbError("this program has no greenlets, or is stripped")
    return int(found.group(1), 16)


class Program:
    """The greenlets of the program that gdb looks at."""

    def __init__(self):
        at = threads_address()
        fields = ("layout", "first", "current", "shown", "suspended", "id", "own_switch")
        for index, field in enumerate(fields):
            setattr(self, field, word(at + index * WORD))
        if self.layout != LAYOUT:
            raise gdb.GdbError(f"the program's greenlets have layout {self.layout}; this script knows {LAYOUT}")
        architecture = gdb.selected_inferior().architecture().name()
        found = [switch for name, switch in SWITCHES.items() if name in architecture]
        self.switch = found[0] if found and self.own_switch else None

    def threads(self):
        """The addresses of the threads' states."""
        slot = self.first
        while slot:
            thread = word(slot + WORD)
            if thread:
                yield thread
            slot = word(slot)

    def greenlets(self, thread):
        """The greenlets of a thread that are not dead, the oldest first: id and address of the place to continue."""
        shown = thread + self.shown
        table, length = word(shown), word(shown + WORD)
        addresses = [word(table + index * WORD) for index in range(length)]
        greenlets = [(word(address + self.id), address) for address in addresses if address]
        return sorted(greenlets)


class Parked(Unwinder):
    """Says that a parked greenlet has called the innermost frame of the selected thread."""

    def __init__(self):
        super().__init__("gevent: parked greenlets")
        self.registers = None

    def __call__(self, pending):
        if self.registers is None:
            return None
        for name, value in self.thread.items():
            if int(pending.read_register(name)) & (1 << 64) - 1 != value:
                return None
        # A frame that is below that of the greenlet, as a frame that was called is.
        below = gdb.Value(self.registers[self.stack] - WORD).cast(pending.read_register(self.stack).type)
        frame = FrameId(below, pending.read_register(self.counter))
        unwind = pending.create_unwind_info(frame)
        for name, value in self.registers.items():
            unwind.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return unwind

    def frames(self, program, suspended):
        """The frames of the greenlet with that place to continue, the innermost first."""
        names, self.stack, words = program.switch
        self.counter = names[-1]
        registers = {name: word(suspended + index * WORD) for index, name in enumerate(names)}
        registers[self.stack] = suspended + words * WORD
        innermost = gdb.newest_frame()
        self.thread = {
            name: int(innermost.read_register(name)) & (1 << 64) - 1 for name in (self.stack, self.counter)
        }
        self.registers = registers
        gdb.invalidate_cached_frames()
        try:
            frame = gdb.newest_frame().older()
            while frame is not None and frame.is_valid():
                yield frame
                frame = frame.older()
        finally:
            self.registers = None
            gdb.invalidate_cached_frames()


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


PARKED = Parked()


def name_of(frame):
    """The function of a frame, without the hash that older names have."""
    return re.sub(r"::h[0-9a-f]{16}$", "", frame.name() or "??")


def describe(frame):
    """What a backtrace says of a frame."""
    place = frame.find_sal()
    where = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
    return name_of(frame) + where


def first_of_interest(frames):
    """What a list says of a greenlet: the innermost function that is not the runtime's, or else the first one there."""
    first = None
    for frame in frames:
        name = name_of(frame)
        # Inlined functions have names without a path, if the program has line tables only.
        if "::" in name.split("<")[0] or name.startswith("<"):
            if not RUNTIME.match(name):
                return describe(frame)
            first = first or describe(frame)
    return first or "??"


class Greenlets(gdb.Command):
    """List greenlets: greenlets [ID | all]"""

    def __init__(self):
        super().__init__("greenlets", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if len(arguments) > 1 or arguments and arguments[0] != "all" and not arguments[0].isdigit():
            raise gdb.GdbError("usage: greenlets [ID | all]")
        wanted = arguments[0] if arguments else None
        program = Program()
        if gdb.selected_thread() is None:
            raise gdb.GdbError("there is no process, and no core dump")
        count = 0
        for number, thread in enumerate(program.threads()):
            greenlets = program.greenlets(thread)
            current = word(thread + program.current)
            print(f"greenlets of a thread, {len(greenlets)}:")
            for id, address in greenlets:
                if wanted in (None, "all", str(id)):
                    self.show(program, id, address, address == current, wanted is not None)
                    count += 1
        if count == 0:
            raise gdb.GdbError("no such greenlet" if wanted else "no greenlets")

    def show(self, program, id, address, runs, with_frames):
        suspended = word(address + program.suspended)
        if runs:
            print(f"#{id} running: see `thread apply all backtrace`")
        elif not suspended:
            print(f"#{id} has not begun")
        elif program.switch is None:
            print(f"#{id} parked; how it was switched away from is not known on this machine")
        elif with_frames:
            print(f"#{id} parked:")
            for level, frame in enumerate(PARKED.frames(program, suspended)):
                print(f"    {level:<3} {describe(frame)}")
        else:
            frames = PARKED.frames(program, suspended)
            print(f"#{id} parked in {first_of_interest(frames)}")
            frames.close()


register_unwinder(None, PARKED, replace=True)
Greenlets()
