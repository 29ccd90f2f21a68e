"""Prints random programs: generate.py FIRST LAST, one for each number from FIRST on and before LAST."""

import random
import sys

#: How often a step is chosen, and the step. G is a greenlet, O another than the one that does it, M some
#: others, K one of two objects.
STEPS = [
    (10, 'sleep'), (1, 'idle 0'), (1, 'idle 1'), (1, 'idle -2'),
    (4, 'spawn G'), (1, 'later G'), (3, 'join O'), (1, 'join0 O'), (2, 'get O'), (1, 'getnow G'),
    (3, 'kill G'), (1, 'kill0 G'), (2, 'killsoon G'), (2, 'killwith G'), (1, 'killwithsoon G'), (1, 'gkill G'),
    (1, 'throw O'), (1, 'throwexit O'), (1, 'state G'), (1, 'ident G'), (1, 'killself'), (1, 'hubswitch'),
    (2, 'link G'), (1, 'rawlink G'), (1, 'linkvalue G'), (1, 'linkexception G'), (1, 'linkfail G'),
    (1, 'linkresult G K'), (1, 'unlink G'), (1, 'unlinkall G'), (2, 'linkop G .'), (2, 'rawop G .'),
    (2, 'joinall M'), (1, 'joinraise M'), (1, 'joinfirst M'), (1, 'joinall0 M'), (2, 'iwait M'), (1, 'iwaitfirst M'),
    (1, 'killall M'), (1, 'killallsoon M'), (1, 'killall0 M'),
    (2, 'raw K'), (1, 'rawkill K'), (1, 'rawkillwith K'),
    (1, 'start 0'), (1, 'start 1'), (1, 'start 2'), (1, 'cancel 0'), (1, 'cancel 1'),
    (2, 'silent .'), (1, 'limited .'), (1, 'unlimited .'),
    (1, 'set K'), (1, 'clear K'), (3, 'wait K'), (1, 'wait0 K'),
    (2, 'acquire K'), (1, 'acquire0 K'), (1, 'tryacquire K'), (2, 'release K'),
    (1, 'put K'), (1, 'putfail K'), (2, 'result K'),
    (2, 'wget K'), (1, 'wswitch K'), (1, 'wthrow K'),
    (1, 'timer'), (2, 'watch K'), (1, 'watch0 K'), (2, 'send K'), (1, 'cancelwait K'),
    (6, 'callback .'),
]

#: What may end a function.
ENDS = [(2, 'fail'), (1, 'exit'), (1, 'return')]

#: What is done as part of another step: by callbacks and links, and under timeouts.
INNER = [
    'sleep', 'spawn G', 'kill G', 'killsoon G', 'killwithsoon G', 'killallsoon G', 'killall G', 'throw G', 'getnow G',
    'join G', 'get G', 'unlink G', 'unlinkall G', 'link G', 'set K', 'clear K', 'wait K', 'release K', 'tryacquire K',
    'acquire K', 'put K', 'putfail K', 'result K', 'wget K', 'wswitch K', 'wthrow K', 'send K', 'fail', 'exit',
]

MAIN = 'main'


class Generator:

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = self.random.randint(1, 4)

    def fill(self, step, me):
        """The step with things for its letters; none if there are none."""
        others = [str(g) for g in range(self.count) if g != me]
        words = []
        for word in step.split():
            if word == 'G':
                word = str(self.random.randrange(self.count))
            elif word == 'K':
                word = str(self.random.randrange(2))
            elif word in 'OM':
                if not others:
                    return None
                chosen = self.random.sample(others, self.random.randint(1, len(others)))
                word = chosen[0] if word == 'O' else ' '.join(chosen)
            elif word == '.':
                word = self.inner(words[0], me)
            words.append(word)
        return ' '.join(words)

    def inner(self, outer, me):
        while True:
            step = self.random.choice(INNER)
            # A raw greenlet that is thrown out of a link, and lost, gets a GreenletExit in gevent that can be
            # seen, and a greenlet that joins itself waits for ever.
            if outer == 'linkop' and step == 'throw G':
                continue
            step = self.fill(step, me)
            itself = step in (f'join {me}', f'get {me}')
            under_timeout = outer in ('silent', 'limited', 'unlimited')
            # As in `step`.
            alone = me == MAIN and step.startswith('acquire')
            if not (under_timeout and (itself or alone)):
                return step

    def step(self, me):
        steps = STEPS + ENDS if me != MAIN else STEPS
        while True:
            step = self.random.choices([s for _, s in steps], [weight for weight, _ in steps])[0]
            # In gevent the timeout of a raw greenlet comes also after its end, and a main greenlet that
            # waits for a semaphore alone waits for ever.
            if (me == 'raw' and step == 'start 0') or (me == MAIN and step == 'acquire K'):
                continue
            step = self.fill(step, me)
            if step:
                break
        # With a ~ its error ends the function.
        return '~' + step if me != MAIN and self.random.random() < .4 else step

    def program(self):
        longest = self.random.choice([4, 6, 10])
        functions = {name: [] for name in [*range(self.count), 'raw0', 'raw1']}
        for name, steps in functions.items():
            me = name if isinstance(name, int) else 'raw'
            steps += [self.step(me) for _ in range(self.random.randint(2, longest))]
        main = [f'spawn {g}' for g in range(self.count) if self.random.random() < .7]
        main += [self.step(MAIN) for _ in range(self.random.randint(4, 2 * longest))]
        return {**functions, MAIN: main}


for number in range(int(sys.argv[1]), int(sys.argv[2])):
    print('program', number)
    for name, steps in Generator(number).program().items():
        print(f'{name}: ' + '; '.join(steps))
