/* The functions that shim.c adds to libev: its macros, so that Rust can call them, and access to the inside of a
 * loop. Each comment becomes the documentation of the Rust declaration. */
#ifndef LIBEV_SYS_SHIM_H
#define LIBEV_SYS_SHIM_H

#include <limits.h>
#include "ev.h"

/* ------------------------------------------------------------------------------------------- constants */

enum {
  /** Lowest watcher priority, libev's `EV_MINPRI`. */
  EV_SHIM_MINPRI = EV_MINPRI,
  /** Highest watcher priority, libev's `EV_MAXPRI`. */
  EV_SHIM_MAXPRI = EV_MAXPRI,
  /** What the `ev_shim_loop_*` functions return when the linked libev does not let us look. */
  EV_SHIM_UNAVAILABLE = INT_MIN
};

/** One more than the highest signal number, libev's `EV_NSIG`. */
int ev_shim_nsig (void);
/** The `EV_VERSION_MAJOR` of the header the shim was compiled with. */
int ev_shim_header_version_major (void);
/** The `EV_VERSION_MINOR` of the header the shim was compiled with. */
int ev_shim_header_version_minor (void);
/** Whether the `ev_shim_loop_*` functions can look inside a loop: 1 with the vendored libev, 0 with a
 * system's. */
int ev_shim_has_internals (void);
/** Whether libev's assertions are compiled in; -1 when the linked libev is the system's. */
int ev_shim_has_assertions (void);

/* --------------------------------------------------------------------------- the C library's functions */

/** Has libev call this function from now on, where it would call the C library's of that name: `read`, `write`, `poll`,
 * `select`, `nanosleep`, `waitpid`, `sched_yield`, and on Linux `epoll_wait`. Returns 0 if it is none of these. The
 * function has the prototype of the C library's. A system's libev is not reached by this. */
int ev_shim_set_system (const char *name, void *function);

/* ------------------------------------------------------------------------------------------ any watcher */

/** `ev_init`: marks the watcher as neither active nor pending, priority 0. */
void ev_shim_init (ev_watcher *w, void (*cb) (struct ev_loop *loop, ev_watcher *w, int revents));
/** `ev_is_active`: non-zero (not always 1) while the watcher is started. */
int ev_shim_is_active (const void *w);
/** `ev_is_pending`: non-zero while the callback is due to be called. */
int ev_shim_is_pending (const void *w);
/** `ev_priority` */
int ev_shim_priority (const void *w);
/** `ev_set_priority`; only while the watcher is neither active nor pending. */
void ev_shim_set_priority (void *w, int priority);
/** `ev_cb` */
void (*ev_shim_cb (const void *w)) (struct ev_loop *loop, ev_watcher *w, int revents);
/** `ev_set_cb`; at any time. */
void ev_shim_set_cb (void *w, void (*cb) (struct ev_loop *loop, ev_watcher *w, int revents));

/* --------------------------------------------------------------------------------- each type of watcher */

/** `ev_io_init` */
void ev_shim_io_init (ev_io *w, void (*cb) (struct ev_loop *loop, ev_io *w, int revents), int fd, int events);
/** `ev_io_set` */
void ev_shim_io_set (ev_io *w, int fd, int events);
/** `ev_io_modify`: changes the events only, which is cheaper than `ev_io_set`. */
void ev_shim_io_modify (ev_io *w, int events);

/** `ev_timer_init` */
void ev_shim_timer_init (ev_timer *w, void (*cb) (struct ev_loop *loop, ev_timer *w, int revents),
                         ev_tstamp after, ev_tstamp repeat);
/** `ev_timer_set` */
void ev_shim_timer_set (ev_timer *w, ev_tstamp after, ev_tstamp repeat);

/** `ev_periodic_init` */
void ev_shim_periodic_init (ev_periodic *w, void (*cb) (struct ev_loop *loop, ev_periodic *w, int revents),
                            ev_tstamp offset, ev_tstamp interval,
                            ev_tstamp (*reschedule_cb) (ev_periodic *w, ev_tstamp now));
/** `ev_periodic_set` */
void ev_shim_periodic_set (ev_periodic *w, ev_tstamp offset, ev_tstamp interval,
                           ev_tstamp (*reschedule_cb) (ev_periodic *w, ev_tstamp now));
/** `ev_periodic_at` */
ev_tstamp ev_shim_periodic_at (const ev_periodic *w);

/** `ev_signal_init` */
void ev_shim_signal_init (ev_signal *w, void (*cb) (struct ev_loop *loop, ev_signal *w, int revents), int signum);
/** `ev_signal_set` */
void ev_shim_signal_set (ev_signal *w, int signum);

/** `ev_child_init` */
void ev_shim_child_init (ev_child *w, void (*cb) (struct ev_loop *loop, ev_child *w, int revents), int pid, int trace);
/** `ev_child_set` */
void ev_shim_child_set (ev_child *w, int pid, int trace);

/** `ev_stat_init`; `path` must stay valid for as long as the watcher is used. */
void ev_shim_stat_init (ev_stat *w, void (*cb) (struct ev_loop *loop, ev_stat *w, int revents),
                        const char *path, ev_tstamp interval);
/** `ev_stat_set`; `path` must stay valid for as long as the watcher is used. */
void ev_shim_stat_set (ev_stat *w, const char *path, ev_tstamp interval);

/** `ev_idle_init` */
void ev_shim_idle_init (ev_idle *w, void (*cb) (struct ev_loop *loop, ev_idle *w, int revents));
/** `ev_idle_set`: nothing to set. */
void ev_shim_idle_set (ev_idle *w);

/** `ev_prepare_init` */
void ev_shim_prepare_init (ev_prepare *w, void (*cb) (struct ev_loop *loop, ev_prepare *w, int revents));
/** `ev_prepare_set`: nothing to set. */
void ev_shim_prepare_set (ev_prepare *w);

/** `ev_check_init` */
void ev_shim_check_init (ev_check *w, void (*cb) (struct ev_loop *loop, ev_check *w, int revents));
/** `ev_check_set`: nothing to set. */
void ev_shim_check_set (ev_check *w);

/** `ev_embed_init` */
void ev_shim_embed_init (ev_embed *w, void (*cb) (struct ev_loop *loop, ev_embed *w, int revents),
                         struct ev_loop *other);
/** `ev_embed_set` */
void ev_shim_embed_set (ev_embed *w, struct ev_loop *other);

/** `ev_fork_init` */
void ev_shim_fork_init (ev_fork *w, void (*cb) (struct ev_loop *loop, ev_fork *w, int revents));
/** `ev_fork_set`: nothing to set. */
void ev_shim_fork_set (ev_fork *w);

/** `ev_cleanup_init` */
void ev_shim_cleanup_init (ev_cleanup *w, void (*cb) (struct ev_loop *loop, ev_cleanup *w, int revents));
/** `ev_cleanup_set`: nothing to set. */
void ev_shim_cleanup_set (ev_cleanup *w);

/** `ev_async_init` */
void ev_shim_async_init (ev_async *w, void (*cb) (struct ev_loop *loop, ev_async *w, int revents));
/** `ev_async_set`: nothing to set. */
void ev_shim_async_set (ev_async *w);
/** `ev_async_pending` */
int ev_shim_async_pending (const ev_async *w);

/* -------------------------------------------------------------------------------------- inside the loop */

/** The loop's reference count: active watchers, plus `ev_ref`s, minus `ev_unref`s. `EV_SHIM_UNAVAILABLE`
 * without internals, as for every function of this group. */
int ev_shim_loop_activecnt (struct ev_loop *loop);
/** Non-zero when a signal has arrived that the loop has not looked at yet. */
int ev_shim_loop_sig_pending (struct ev_loop *loop);
/** The backend's descriptor (epoll's, say), -1 when the backend has none. */
int ev_shim_loop_backend_fd (struct ev_loop *loop);
/** An event that is to be delivered. */
typedef struct ev_shim_pending { ev_watcher *w; int events; } ev_shim_pending;
/** The events that will be delivered after the one that is being delivered, as far as they are of the same priority:
 * `*count` of them, the next one last. Valid until libev is called again. None without internals, and when nothing is
 * being delivered. */
const ev_shim_pending *ev_shim_loop_pendings (struct ev_loop *loop, int *count);
/** Does what `ev_loop_fork` puts off until the loop is about to wait: makes the descriptors anew. Allowed in the
 * callback of a fork watcher. Does nothing without internals. */
void ev_shim_loop_fork_now (struct ev_loop *loop);
/** Keeps the loop's next wait from lasting, after which it looks for signals and asynchronous events, as if one of them
 * had come meanwhile. The loop has been through `ev_shim_make_wakeup`. Returns 0, and does nothing, without internals. */
int ev_shim_do_not_wait (struct ev_loop *loop);
/** `ev_loop_fork`; and if a signal or an asynchronous event has come that was not looked at, the next wait does not last:
 * the descriptor that tells of them is made anew, and empty. */
void ev_shim_loop_fork (struct ev_loop *loop);
/** Why epoll has refused the descriptor of an I/O watcher that gets EV_ERROR now: an `errno`; 0 when that is not known. */
int ev_shim_fd_error (void);
/** Does what a run of the loop does before it waits, for who waits in its place, outside of any callback or in the one
 * that runs last. Returns how long that wait may last, in seconds: 0 if there is something to do, -1 if only an event ends
 * it. From then on until the loop goes on, the backend's descriptor can be read when there is an event, a signal, or an
 * `ev_async_send`. `EV_SHIM_UNAVAILABLE` without internals. */
ev_tstamp ev_shim_loop_begin_wait (struct ev_loop *loop);
/** How often a loop of this thread has got a descriptor of epoll. If it was once more, the backend's descriptor may be
 * another one, even with the same number. */
unsigned int ev_shim_epoll_count (void);
/** The signalfd; -2 when it is wanted and not made yet, -1 when there is none. */
int ev_shim_loop_sigfd (struct ev_loop *loop);
/** The timerfd; -2 when it is wanted and not made yet, -1 when there is none. */
int ev_shim_loop_timerfd (struct ev_loop *loop);
/** The flags the loop was made with. Without internals: the bits of `EV_SHIM_UNAVAILABLE`, which no flag has. */
unsigned int ev_shim_loop_origflags (struct ev_loop *loop);
/** Non-zero when the next iteration will recreate the kernel's side of the loop, as after `ev_loop_fork`. */
int ev_shim_loop_postfork (struct ev_loop *loop);
/** How many descriptors' changes wait to be told to the kernel. */
int ev_shim_loop_fdchangecnt (struct ev_loop *loop);
/** How many timers are active. */
int ev_shim_loop_timercnt (struct ev_loop *loop);
/** How many periodics are active. */
int ev_shim_loop_periodiccnt (struct ev_loop *loop);
/** How many idle watchers are active, of all priorities. */
int ev_shim_loop_idlecnt (struct ev_loop *loop);
/** How many prepare watchers are active. */
int ev_shim_loop_preparecnt (struct ev_loop *loop);
/** How many check watchers are active. */
int ev_shim_loop_checkcnt (struct ev_loop *loop);
/** How many fork watchers are active. */
int ev_shim_loop_forkcnt (struct ev_loop *loop);
/** How many cleanup watchers are active. */
int ev_shim_loop_cleanupcnt (struct ev_loop *loop);
/** How many async watchers are active. */
int ev_shim_loop_asynccnt (struct ev_loop *loop);

/** The loop whose watchers get signal `signum`; null when there is none, when the number is out of range, or
 * without internals. */
struct ev_loop *ev_shim_signal_loop (int signum);
/** What libev's own signal handler does, for a handler that stands in its place. May be called only in one. */
void ev_shim_handle_signal (int signum);

/** Makes libev forget the watchers of signal `signum`, whose loop belonged to a thread that is no more: in the child of a
 * fork, that of any thread but the one that forked. The handler stays in place until the next watcher replaces it, and
 * does nothing. Does nothing without internals. */
void ev_shim_forget_signal (int signum);

/* ------------------------------------------------------------------------- the default loop and SIGCHLD */

/** The default loop when it has been made, else null. Makes nothing. */
struct ev_loop *ev_shim_default_loop_ptr (void);
/** `ev_is_default_loop` */
int ev_shim_is_default_loop (struct ev_loop *loop);
/** Whether this is the default loop and has userdata. It may have been destroyed, if it ever was the default loop. */
int ev_shim_is_default_with_userdata (struct ev_loop *loop);
/** Makes libev forget the default loop, which belonged to a thread that is no more (see [`ev_shim_forget_signal`]): that
 * thread may have been in the midst of changing it, so it is left as it is, with its memory and its descriptors. The
 * next default loop is a new one. Returns 0, or -1 without internals. */
int ev_shim_forget_default_loop (void);

/** `ev_loop_new`, with what [`ev_shim_make_wakeup`] makes. Null when no backend works, or there are no descriptors left:
 * see `errno`. */
struct ev_loop *ev_shim_loop_new (unsigned int flags);
/** Makes the descriptor by which other threads and signals wake the loop, if it has none yet. libev would do so later, and
 * try again for ever when it cannot. Returns 0, or -1 and leaves the reason in `errno`. */
int ev_shim_make_wakeup (struct ev_loop *loop);

/** `ev_default_loop`, except that SIGCHLD stays as it was: libev reaps *every* child once its handler is in
 * place, so that waits for `ev_shim_install_sigchld`. Null when no backend works, or there are no descriptors left.
 *
 * This and the five below change the process's signal handling and are, like the default loop itself, for
 * one thread at a time. */
struct ev_loop *ev_shim_default_loop (unsigned int flags);
/** Puts libev's SIGCHLD handler in place; children are reaped (all of them) while a child watcher is started, with the
 * system's libev always. Child watchers, and signal watchers for SIGCHLD, work from here on.
 * Does nothing when it is in place already, or when there is no default loop made by `ev_shim_default_loop`. */
void ev_shim_install_sigchld (void);
/** To call after somebody else has replaced libev's SIGCHLD handler: the next `ev_shim_install_sigchld` puts
 * it back. Itself changes no signal handling. */
void ev_shim_reset_sigchld (void);
/** 0: no default loop made by `ev_shim_default_loop`; 1: the handler is known but not in place;
 * 2: it is in place; 3: it is, and a SIGCHLD came while no child was watched, so that a child may have ended that
 * nobody has reaped. */
int ev_shim_sigchld_state (void);
/** Has libev's reaper call `reaper` in the place of `waitpid`, so that it can see which children are taken; a null pointer
 * undoes that. The function must do what `waitpid` does, and may be called at any time in the thread of the default loop.
 * Does nothing without internals. Any thread may call this. */
void ev_shim_set_reaper (int (*reaper) (int pid, int *status, int options));
/** The part of destroying the default loop that changes the process's signal handling, ahead of the rest: for who
 * guards that by a lock which cleanup watchers may want, too. Does nothing without internals. */
void ev_shim_release_sigchld (struct ev_loop *loop);
/** `ev_loop_destroy`, except that destroying the default loop leaves a SIGCHLD handler that is not libev's
 * in place, where libev would reset it; and that it waits for threads that are in libev's signal handler, which may
 * have seen the loop (without internals it does not). */
void ev_shim_loop_destroy (struct ev_loop *loop);

#endif
