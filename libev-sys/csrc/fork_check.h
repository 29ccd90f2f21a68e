/* A cheap getpid() for libev, which with EVFLAG_FORKCHECK compares process numbers in every iteration of the loop.
 * That would be a system call each time, only to notice a fork now and then.
 *
 * The number is kept in a page that the kernel empties in the child of every fork, even of one that the C library does
 * not know of. Only ev.c sees this. */
#ifndef LIBEV_SYS_FORK_CHECK_H
#define LIBEV_SYS_FORK_CHECK_H

#include <sys/types.h>
#include <unistd.h>

#if defined __linux__
# include <sys/mman.h>
# ifndef MADV_WIPEONFORK /* older headers; the kernel has it since 4.14 */
#  define MADV_WIPEONFORK 18
# endif

/* A page that is empty after a fork, or NULL where the kernel has no such pages. */
static pid_t *
ev_shim_new_page (void)
{
  size_t size = (size_t)sysconf (_SC_PAGESIZE);
  void *page = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return NULL;
  /* Some emulators accept any advice and follow none. */
  if (madvise (page, size, -1) == 0 || madvise (page, size, MADV_WIPEONFORK) != 0)
    {
      munmap (page, size);
      return NULL;
    }
  return page;
}

static pid_t
ev_shim_getpid (void)
{
  static pid_t *page;
  static int unavailable;
  pid_t pid, *known = __atomic_load_n (&page, __ATOMIC_ACQUIRE);

  if (!known)
    {
      pid_t *none = NULL;
      if (__atomic_load_n (&unavailable, __ATOMIC_RELAXED))
        return getpid ();
      known = ev_shim_new_page ();
      if (!known)
        {
          __atomic_store_n (&unavailable, 1, __ATOMIC_RELAXED);
          return getpid ();
        }
      if (!__atomic_compare_exchange_n (&page, &none, known, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        {
          /* Another thread was faster. */
          munmap (known, (size_t)sysconf (_SC_PAGESIZE));
          known = none;
        }
    }
  pid = __atomic_load_n (known, __ATOMIC_RELAXED);
  if (!pid)
    {
      pid = getpid ();
      __atomic_store_n (known, pid, __ATOMIC_RELAXED);
    }
  return pid;
}
# define getpid ev_shim_getpid
#endif

#endif
