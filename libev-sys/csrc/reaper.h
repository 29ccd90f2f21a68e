/* Lets other code see which children libev's reaper takes.
 *
 * libev reaps by waitpid (-1), which takes the status of any child, and tells only its own watchers. The function that
 * `ev_shim_set_reaper` sets is called in the place of waitpid. Only ev.c sees this. */
#ifndef LIBEV_SYS_REAPER_H
#define LIBEV_SYS_REAPER_H

#include <sys/types.h>
#include <sys/wait.h>

static int (*ev_shim_reaper) (int pid, int *status, int options);

static int
ev_shim_waitpid (int pid, int *status, int options)
{
  int (*reaper) (int, int *, int) = __atomic_load_n (&ev_shim_reaper, __ATOMIC_ACQUIRE);

  return reaper ? reaper (pid, status, options) : (int)EV_SHIM_SYSTEM (waitpid) (pid, status, options);
}

#define waitpid(pid, status, options) ev_shim_waitpid (pid, status, options)

#endif
