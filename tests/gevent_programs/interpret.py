"""Runs the programs of a file in gevent and prints what happens: interpret.py PROGRAMS.

steps.rs and objects.rs are the same in Rust.
"""

import os
import sys
import threading

import gevent
from gevent import Greenlet, GreenletExit, Timeout, get_hub, getcurrent
from gevent.event import AsyncResult, Event
from gevent.exceptions import HubDestroyed
from gevent.hub import Waiter
from gevent.lock import Semaphore
from gevent.socket import wait  # of a watcher


class Fail(Exception):
    pass


def name(exception):
    return type(exception).__name__


def raised(value):
    """A GreenletExit that is a value in gevent is an error in Rust."""
    if isinstance(value, GreenletExit):
        raise value
    return value


class World:

    def __init__(self, functions):
        self.functions = functions
        self.lines = []
        self.over = False
        self.greenlets = {}
        self.raws = {}
        self.links = {}

    def log(self, *words):
        if not self.over:
            self.lines.append(' '.join(map(str, words)))

    # Functions and their steps

    def run(self, who):
        for step in self.functions[str(who)]:
            may_fail = not step.startswith('~')
            try:
                if self.do(who, step.removeprefix('~')) == 'return':
                    break
            except BaseException:  # pylint:disable=broad-except
                if not may_fail or step in ('fail', 'exit'):
                    raise
        return 0

    def do(self, who, step):
        begin = f'{who}: {step}'
        self.log(begin)
        try:
            done = self.step(step)
        except BaseException as ex:
            self.ends(begin, name(ex))
            raise
        self.ends(begin, done)
        return done

    def ends(self, begin, how):
        # One line for what nothing comes between.
        if self.lines and self.lines[-1] == begin and not self.over:
            self.lines.pop()
        self.log(begin, '->', how)

    def greenlet(self, number):
        number = int(number)
        if number not in self.greenlets:
            self.greenlets[number] = Greenlet(self.run, number)
        return self.greenlets[number]

    def number(self, greenlet):
        return next((n for n, g in self.greenlets.items() if g is greenlet), '-')

    def all(self, numbers):
        return [self.greenlet(n) for n in numbers]

    def numbers(self, greenlets):
        return ' '.join(str(self.number(g)) for g in greenlets)

    def linked(self, number, method, link):
        getattr(self.greenlet(number), method)(link)
        self.links.setdefault(number, []).append(link)

    def step(self, step):
        words = step.split()
        done = self.greenlet_step(words)
        return done if done is not None else self.object_step(words)

    def greenlet_step(self, words):
        # pylint:disable=too-many-return-statements,too-many-branches,too-many-statements
        match words:
            case ['sleep']: gevent.sleep(0)
            case ['idle', priority]: gevent.idle(int(priority))
            case ['fail']: raise Fail
            case ['exit']: raise GreenletExit
            case ['return']: return 'return'
            case ['hubswitch']: get_hub().switch()
            case ['callback', *rest]: get_hub().loop.run_callback(self.do, 'callback', ' '.join(rest))
            case ['spawn', g]: self.greenlet(g).start()
            case ['later', g]: self.greenlet(g).start_later(0)
            case ['join', g]: self.greenlet(g).join()
            case ['join0', g]: self.greenlet(g).join(0)
            case ['get', g]: return raised(self.greenlet(g).get())
            case ['getnow', g]: return raised(self.greenlet(g).get(block=False))
            case ['kill', g]: self.greenlet(g).kill()
            case ['kill0', g]: self.greenlet(g).kill(timeout=0)
            case ['killsoon', g]: self.greenlet(g).kill(block=False)
            case ['killwith', g]: self.greenlet(g).kill(Fail())
            case ['killwithsoon', g]: self.greenlet(g).kill(Fail(), block=False)
            case ['gkill', g]: gevent.kill(self.greenlet(g))
            case ['killself']:
                if isinstance(getcurrent(), Greenlet):
                    getcurrent().kill()
            case ['throw', g]: self.greenlet(g).throw(Fail())
            case ['throwexit', g]: self.greenlet(g).throw(GreenletExit())
            case ['state', g]: return self.state(self.greenlet(g), links=True)
            case ['ident', g]: return self.greenlet(g).minimal_ident
            case ['link' | 'rawlink' | 'linkvalue' | 'linkexception' as kind, g]:
                method = kind.replace('linkv', 'link_v').replace('linke', 'link_e')
                self.linked(g, method, lambda ended: self.log(kind, g, self.state(ended)))
            case ['linkfail', g]: self.linked(g, 'link', lambda _: self.do('link', 'fail'))
            case ['linkop', g, *rest]: self.linked(g, 'link', lambda _: self.do('link', ' '.join(rest)))
            case ['rawop', g, *rest]: self.linked(g, 'rawlink', lambda _: self.do('rawlink', ' '.join(rest)))
            case ['linkresult', g, k]: self.greenlet(g).link(lambda ended: self.pass_on(ended, int(k)))
            case ['unlink', g]:
                greenlet = self.greenlet(g)
                if self.links.get(g):
                    greenlet.unlink(self.links[g].pop())
            case ['unlinkall', g]: self.greenlet(g).unlink_all()
            case ['joinall', *gs]: return self.numbers(gevent.joinall(self.all(gs)))
            case ['joinall0', *gs]: return self.numbers(gevent.joinall(self.all(gs), timeout=0))
            case ['joinfirst', *gs]: return self.numbers(gevent.joinall(self.all(gs), count=1))
            case ['joinraise', *gs]:
                # joinall(raise_error=True), and no links are left behind by an error.
                done = []
                with gevent.iwait(self.all(gs)) as ready:
                    for greenlet in ready:
                        if greenlet.exception:
                            raise greenlet.exception
                        done.append(greenlet)
                return self.numbers(done)
            case ['iwait', *gs]:
                with gevent.iwait(self.all(gs)) as ready:
                    for greenlet in ready:
                        self.log('ready', self.number(greenlet))
                        gevent.sleep(0)
            case ['iwaitfirst', *gs]:
                with gevent.iwait(self.all(gs)) as ready:
                    return self.numbers([next(ready)])
            case ['killall', *gs]: gevent.killall(self.all(gs))
            case ['killallsoon', *gs]: gevent.killall(self.all(gs), block=False)
            case ['killall0', *gs]: gevent.killall(self.all(gs), timeout=0)
            case ['raw', k]:
                if k not in self.raws:
                    self.raws[k] = gevent.spawn_raw(self.run, 'raw' + k)
            case ['rawkill' | 'rawkillwith' as kind, k]:
                # gevent.kill; what is dead by then is left alone.
                raw, error = self.raws.get(k), Fail() if kind == 'rawkillwith' else GreenletExit()
                if raw is not None and not raw.dead:
                    get_hub().loop.run_callback(lambda: None if raw.dead else raw.throw(error))
            case _: return None
        return 'done'

    def object_step(self, words):
        # pylint:disable=too-many-return-statements,too-many-branches
        match words:
            case ['start', k]: self.timeouts[int(k)].start()
            case ['cancel', k]: self.timeouts[int(k)].cancel()
            case ['silent', *rest]:
                with Timeout(0, False):
                    return self.step(' '.join(rest))
                return 'late'
            case ['limited', *rest]: return gevent.with_timeout(0, self.step, ' '.join(rest), timeout_value='late')
            case ['unlimited', *rest]:
                with Timeout(None):
                    return self.step(' '.join(rest))
            case ['set', k]: self.events[int(k)].set()
            case ['clear', k]: self.events[int(k)].clear()
            case ['wait', k]: return self.events[int(k)].wait()
            case ['wait0', k]: return self.events[int(k)].wait(0)
            case ['acquire', k]: self.semaphores[int(k)].acquire()
            case ['acquire0', k]: return self.semaphores[int(k)].acquire(timeout=0)
            case ['tryacquire', k]: return self.semaphores[int(k)].acquire(blocking=False)
            case ['release', k]: self.semaphores[int(k)].release()
            case ['put', k]: self.results[int(k)].set(5)
            case ['putfail', k]: self.results[int(k)].set_exception(Fail())
            case ['result', k]: return raised(self.results[int(k)].get())
            case ['wget', k]: return self.waiters[int(k)].get()
            case ['wswitch', k]: self.waiters[int(k)].switch(3)
            case ['wthrow', k]: self.waiters[int(k)].throw(Fail())
            case ['timer']:
                with get_hub().loop.timer(0) as timer:
                    get_hub().wait(timer)
            case ['watch', k]: get_hub().wait(self.watchers[int(k)])
            case ['watch0', k]: wait(self.watchers[int(k)], 0, Fail())
            case ['send', k]: self.watchers[int(k)].send()
            case ['cancelwait', k]: get_hub().cancel_wait(self.watchers[int(k)], Fail())
        return 'done'

    def pass_on(self, ended, k):
        # For the same reason as in `raised`; else self.results[k](ended).
        if isinstance(ended.value, GreenletExit):
            self.results[k].set_exception(ended.value)
        else:
            self.results[k](ended)

    def state(self, greenlet, links=False):
        error = name(greenlet.exception) if greenlet.exception else '-'
        flags = [greenlet.started, greenlet.dead, greenlet.ready(), greenlet.successful()]
        flags += [greenlet.has_links()] if links else []
        return ''.join('+' if flag else '-' for flag in flags) + ' ' + error

    # The program

    def handle_error(self, context, kind, value, _tb):
        if kind is HubDestroyed:
            raise value
        context = context[1] if isinstance(context, tuple) else context
        self.log('report', self.number(context), name(value))

    def main(self):
        hub = get_hub()
        hub.handle_error = self.handle_error
        # pylint:disable=attribute-defined-outside-init
        self.timeouts = [Timeout(0), Timeout(100, ref=False), Timeout(None)]
        self.events = [Event(), Event()]
        self.semaphores = [Semaphore(1), Semaphore(0)]
        self.results = [AsyncResult(), AsyncResult()]
        self.waiters = [Waiter(), Waiter()]
        self.watchers = [hub.loop.async_(ref=False), hub.loop.async_(ref=False)]
        self.run('main')
        # Two for errors that are raised in the main greenlet: a system error, a timeout of its own.
        for _ in range(3):
            try:
                hub.join()
                break
            except BaseException as ex:  # pylint:disable=broad-except
                self.log('join', name(ex))
        for number, greenlet in sorted(self.greenlets.items()):
            self.log('end', number, self.state(greenlet))
        self.over = True
        hub.handle_error = lambda *args: None


def programs(path):
    program = []
    with open(path, encoding='utf-8') as lines:
        for line in lines.read().splitlines():
            if line.startswith('program '):
                program = []
                yield line, program
            else:
                program.append(line)


for title, text in list(programs(sys.argv[1])):
    functions = dict(line.split(': ', 1) for line in text)
    world = World({who: steps.split('; ') for who, steps in functions.items()})
    # Each has a hub of its own.
    thread = threading.Thread(target=world.main, daemon=True)
    thread.start()
    thread.join(10)
    print(title)
    print('\n'.join(world.lines if not thread.is_alive() else ['hangs']))
sys.stdout.flush()
# What is left of the programs is not asked.
os._exit(0)
