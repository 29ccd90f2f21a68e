/* Performs programs on libev. Its twin is machine.rs: both give the same account of every step, or hub::core does
 * not do what libev does. */
#include "../c_parity/parity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int ev_shim_loop_activecnt (struct ev_loop *loop);

/* As in program.rs. */
enum
{
  START, STOP, CLOSE, FEED, AGAIN, SET_TIMES, SET_REF, SET_PRIORITY, REACT, PUT, GET, SEND, RUN_NOWAIT, RUN_ONCE, RUN,
  BREAK, QUEUE, STOP_QUEUED, REF, UNREF, VERIFY, NOTHING
};
typedef struct { int code, a, b, c; } operation;

enum { ALARM, FIRST_TIMER, FIRST_IO = 5, IDLE = 9, PREPARE, CHECK, ASYNC, SLOTS };
enum { PAST, NEVER };
enum { ONCE, EACH_ITERATION, HARDLY_EVER };
enum { PAIRS = 2, MOST_QUEUED = 400, FUEL = 12, MOST_DEPTH = 3 };

static const char *const names[SLOTS] = {
  "alarm", "timer1", "timer2", "timer3", "timer4", "read", "write", "both", "other", "idle", "prepare", "check", "async"
};

/* What hub::core keeps with each watcher. */
typedef struct
{
  union
  {
    ev_watcher any;
    ev_timer timer;
    ev_io io;
    ev_idle idle;
    ev_prepare prepare;
    ev_check check;
    ev_async async;
  };
  int is_unref, owes_ref;
  operation reaction;
} slot;

typedef struct machine machine;
typedef struct { callback base; machine *m; int number, slot; } queued;

struct machine
{
  struct ev_loop *loop;
  slot slots[SLOTS];
  int pairs[PAIRS][2];
  queued queue[MOST_QUEUED];
  int queued_count, refs, fuel;
  char text[1 << 16];
  size_t length;
};

machine *machine_new (unsigned int backend);
const char *machine_step (machine *m, operation op, operation reaction);
void machine_free (machine *m);

static void perform (machine *m, operation op);

/* ------------------------------------------------------------------------------------------- the account */

static void
say (machine *m, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int n = vsnprintf (m->text + m->length, sizeof m->text - m->length, format, arguments);
  va_end (arguments);
  if (n < 0 || (m->length += n) >= sizeof m->text)
    abort ();
}

static void
say_state (machine *m)
{
  say (m, "  iteration=%u active=%d pending=%u depth=%u :", ev_iteration (m->loop), ev_shim_loop_activecnt (m->loop),
       ev_pending_count (m->loop), ev_depth (m->loop));
  for (int i = 0; i < SLOTS; ++i)
    {
      slot *s = &m->slots[i];
      int is_pending = i == ASYNC || i == ALARM ? ev_async_pending (&s->async) : ev_is_pending (&s->any);
      say (m, " %s%d%s%s", names[i], ev_priority (&s->any), ev_is_active (&s->any) ? "+" : "", is_pending ? "!" : "");
    }
  say (m, "\n");
}

/* ------------------------------------------------------------------------------------------ the watchers */

static int
is_timer (int i)
{
  return i >= FIRST_TIMER && i < FIRST_IO;
}

static int
is_in_use (slot *s)
{
  return ev_is_active (&s->any) || ev_is_pending (&s->any);
}

static void
take_ref (machine *m, slot *s)
{
  if (s->is_unref && !s->owes_ref)
    {
      ev_unref (m->loop);
      s->owes_ref = 1;
    }
}

static void
give_ref (machine *m, slot *s)
{
  if (s->owes_ref)
    {
      ev_ref (m->loop);
      s->owes_ref = 0;
    }
}

static void
start (machine *m, int i)
{
  slot *s = &m->slots[i];
  if (is_timer (i))
    {
      if (is_running_callbacks (m->loop))
        ev_now_update (m->loop);
      ev_timer_start (m->loop, &s->timer);
    }
  else if (i >= FIRST_IO && i < IDLE)
    ev_io_start (m->loop, &s->io);
  else if (i == IDLE)
    ev_idle_start (m->loop, &s->idle);
  else if (i == PREPARE)
    ev_prepare_start (m->loop, &s->prepare);
  else if (i == CHECK)
    ev_check_start (m->loop, &s->check);
  else
    ev_async_start (m->loop, &s->async);
  take_ref (m, s);
}

static void
stop (machine *m, int i)
{
  slot *s = &m->slots[i];
  give_ref (m, s);
  if (is_timer (i))
    ev_timer_stop (m->loop, &s->timer);
  else if (i >= FIRST_IO && i < IDLE)
    ev_io_stop (m->loop, &s->io);
  else if (i == IDLE)
    ev_idle_stop (m->loop, &s->idle);
  else if (i == PREPARE)
    ev_prepare_stop (m->loop, &s->prepare);
  else if (i == CHECK)
    ev_check_stop (m->loop, &s->check);
  else
    ev_async_stop (m->loop, &s->async);
}

static void
react (machine *m, int i)
{
  if (m->fuel > 0)
    {
      --m->fuel;
      perform (m, m->slots[i].reaction);
    }
}

static void
fired (struct ev_loop *loop, ev_watcher *w, int revents)
{
  machine *m = ev_userdata (loop);
  int i = (int)(size_t)w->data;
  say (m, "%s(%#x)", names[i], (unsigned int)revents);
  say_state (m);
  if (i == ALARM)
    {
      ev_break (loop, EVBREAK_ONE);
      ev_async_send (loop, &m->slots[ALARM].async);
    }
  else
    react (m, i);
  if (!is_in_use (&m->slots[i]))
    stop (m, i);
}

static void
called (struct ev_loop *loop, callback *c)
{
  queued *q = (queued *)c;
  (void)loop;
  say (q->m, "callback %d", q->number);
  say_state (q->m);
  react (q->m, q->slot);
}

/* ---------------------------------------------------------------------------------------- the operations */

/* Each timer has its own, so that the order in which they are due does not depend on how fast we are; only the first
 * one may be due in each iteration. */
static void
set_times (int i, ev_timer *w, int after, int repeat)
{
  ev_timer_set (w, after == PAST ? -10. * i : 1e6,
                repeat == ONCE                                ? 0.
                : repeat == EACH_ITERATION && i == FIRST_TIMER ? 1e-9
                                                               : 1e6);
}

static void
refuse (machine *m, int is_refused)
{
  if (is_refused)
    say (m, "refused\n");
}

static void
run_guarded (machine *m, int flags)
{
  /* The alarm goes off in every iteration, so that none waits. */
  start (m, ALARM);
  ev_async_send (m->loop, &m->slots[ALARM].async);
  say (m, "ran: %d\n", ev_run (m->loop, flags) != 0);
  stop (m, ALARM);
}

static void
perform (machine *m, operation op)
{
  slot *s = &m->slots[op.a % SLOTS];
  switch (op.code)
    {
    case START:
      start (m, op.a);
      break;
    case STOP:
    case CLOSE:
      stop (m, op.a);
      break;
    case FEED:
      if (!is_in_use (s))
        ev_set_priority (&s->any, ev_priority (&s->any) < EV_MINPRI   ? EV_MINPRI
                                  : ev_priority (&s->any) > EV_MAXPRI ? EV_MAXPRI
                                                                      : ev_priority (&s->any));
      ev_feed_event (m->loop, &s->any, op.b);
      take_ref (m, s);
      break;
    case AGAIN:
      if (s->timer.repeat == 0.)
        stop (m, op.a);
      else
        {
          ev_timer_again (m->loop, &s->timer);
          take_ref (m, s);
        }
      break;
    case SET_TIMES:
      refuse (m, is_in_use (s));
      if (!is_in_use (s))
        set_times (op.a, &s->timer, op.b, op.c);
      break;
    case SET_REF:
      if (op.b)
        {
          give_ref (m, s);
          s->is_unref = 0;
        }
      else if (!s->is_unref)
        {
          s->is_unref = 1;
          if (ev_is_active (&s->any))
            take_ref (m, s);
        }
      break;
    case SET_PRIORITY:
      refuse (m, is_in_use (s));
      if (!is_in_use (s))
        ev_set_priority (&s->any, op.b);
      break;
    case PUT:
      put (m->pairs[op.a][1], "x");
      break;
    case GET:
      say (m, "got %ld\n", get (m->pairs[op.a][0], 1));
      break;
    case SEND:
      ev_async_send (m->loop, &m->slots[ASYNC].async);
      break;
    case RUN_NOWAIT:
      if (ev_depth (m->loop) < MOST_DEPTH)
        say (m, "ran: %d\n", ev_run (m->loop, EVRUN_NOWAIT) != 0);
      break;
    case RUN_ONCE:
      if (!ev_depth (m->loop))
        run_guarded (m, EVRUN_ONCE);
      break;
    case RUN:
      if (!ev_depth (m->loop))
        run_guarded (m, 0);
      break;
    case BREAK:
      ev_break (m->loop, op.a);
      break;
    case QUEUE:
      if (m->queued_count < MOST_QUEUED)
        {
          queued *q = &m->queue[m->queued_count];
          q->m = m;
          q->number = m->queued_count++;
          q->slot = op.a;
          run_callback (m->loop, &q->base, called);
        }
      break;
    case STOP_QUEUED:
      if (m->queued_count)
        stop_callback (&m->queue[op.a % m->queued_count].base);
      break;
    case REF:
      ++m->refs;
      ev_ref (m->loop);
      break;
    case UNREF:
      if (m->refs)
        {
          --m->refs;
          ev_unref (m->loop);
        }
      break;
    case VERIFY:
      ev_verify (m->loop);
      break;
    }
}

/* -------------------------------------------------------------------------------------------- the machine */

machine *
machine_new (unsigned int backend)
{
  machine *m = calloc (1, sizeof *m);
  if (!m)
    abort ();
  m->loop = new_loop_on (backend);
  ev_set_userdata (m->loop, m);
  for (int i = 0; i < SLOTS; ++i)
    {
      slot *s = &m->slots[i];
      ev_init (&s->any, fired);
      s->any.data = (void *)(size_t)i;
      s->reaction.code = NOTHING;
      if (is_timer (i))
        set_times (i, &s->timer, PAST, ONCE);
    }
  for (int i = 0; i < PAIRS; ++i)
    make_socketpair (m->pairs[i]);
  ev_io_set (&m->slots[FIRST_IO].io, m->pairs[0][0], EV_READ);
  ev_io_set (&m->slots[FIRST_IO + 1].io, m->pairs[0][0], EV_WRITE);
  ev_io_set (&m->slots[FIRST_IO + 2].io, m->pairs[0][0], EV_READ | EV_WRITE);
  ev_io_set (&m->slots[FIRST_IO + 3].io, m->pairs[1][0], EV_READ);
  return m;
}

/* Performs one operation; the result is the account of it, until the next. `reaction` is for REACT. */
const char *
machine_step (machine *m, operation op, operation reaction)
{
  m->length = 0;
  m->fuel = FUEL;
  if (op.code == REACT)
    m->slots[op.a].reaction = reaction;
  else
    perform (m, op);
  say (m, "done");
  say_state (m);
  return m->text;
}

void
machine_free (machine *m)
{
  for (int i = 0; i < SLOTS; ++i)
    stop (m, i);
  destroy_loop (m->loop);
  for (int i = 0; i < PAIRS; ++i)
    {
      close (m->pairs[i][0]);
      close (m->pairs[i][1]);
    }
  free (m);
}
