/* The layout of every struct as C sees it, for tests/libev/layout.rs. It is a file of its own, so that linkers leave it
 * out of programs that do not use it. */
#include <stddef.h>
#include "shim.h"

struct layout
{
  const char *type, *field; /* The field is null in the row of the type itself. */
  size_t offset, size, align;
};

#define TYPE(type) { #type, 0, 0, sizeof (type), _Alignof (type) },
#define FIELD(type, field) { #type, #field, offsetof (type, field), sizeof (((type *)0)->field), _Alignof (__typeof__ (((type *)0)->field)) },
#define WATCHER(type) TYPE (type) \
  FIELD (type, active) FIELD (type, pending) FIELD (type, priority) FIELD (type, data) FIELD (type, cb)
#define LIST(type) WATCHER (type) FIELD (type, next)
#define TIME(type) WATCHER (type) FIELD (type, at)

static const struct layout table [] =
{
  WATCHER (ev_watcher)
  LIST (ev_watcher_list)
  TIME (ev_watcher_time)
  LIST (ev_io) FIELD (ev_io, fd) FIELD (ev_io, events)
  TIME (ev_timer) FIELD (ev_timer, repeat)
  TIME (ev_periodic) FIELD (ev_periodic, offset) FIELD (ev_periodic, interval) FIELD (ev_periodic, reschedule_cb)
  LIST (ev_signal) FIELD (ev_signal, signum)
  LIST (ev_child) FIELD (ev_child, flags) FIELD (ev_child, pid) FIELD (ev_child, rpid) FIELD (ev_child, rstatus)
  LIST (ev_stat) FIELD (ev_stat, timer) FIELD (ev_stat, interval) FIELD (ev_stat, path) FIELD (ev_stat, prev)
  FIELD (ev_stat, attr) FIELD (ev_stat, wd)
  WATCHER (ev_idle)
  WATCHER (ev_prepare)
  WATCHER (ev_check)
  WATCHER (ev_fork)
  WATCHER (ev_cleanup)
  WATCHER (ev_embed) FIELD (ev_embed, other) FIELD (ev_embed, io) FIELD (ev_embed, prepare) FIELD (ev_embed, check)
  FIELD (ev_embed, timer) FIELD (ev_embed, periodic) FIELD (ev_embed, idle) FIELD (ev_embed, fork)
  FIELD (ev_embed, cleanup)
  WATCHER (ev_async) FIELD (ev_async, sent)
  TYPE (union ev_any_watcher)
  TYPE (ev_statdata)
  TYPE (ev_tstamp)
  TYPE (ev_shim_pending) FIELD (ev_shim_pending, w) FIELD (ev_shim_pending, events)
};

const struct layout *
ev_shim_layout_table (size_t *len)
{
  *len = sizeof (table) / sizeof (table [0]);
  return table;
}
