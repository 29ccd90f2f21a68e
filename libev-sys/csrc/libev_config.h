/* The configuration of the vendored libev. Only ev.c reads these definitions. None of them changes what ev.h declares,
 * so a C program that shares our loop includes ev.h with no definitions at all. */
#ifndef LIBEV_SYS_CONFIG_H
#define LIBEV_SYS_CONFIG_H

#define EV_STANDALONE 1 /* no configure, no config.h */

#ifndef __has_include
# define __has_include(header) 1
#endif

/* All backends that the platform has. libev itself never picks linuxaio or io_uring unless asked to. */
#define EV_USE_SELECT 1
#define EV_USE_POLL 1
#if defined __linux__
# define EV_USE_EPOLL 1
# if __has_include (<linux/aio_abi.h>)
#  define EV_USE_LINUXAIO 1
# else
#  define EV_USE_LINUXAIO 0
# endif
# if __has_include (<linux/fs.h>) && __has_include (<linux/types.h>)
#  define EV_USE_IOURING 1
# else
#  define EV_USE_IOURING 0
# endif
#elif defined __APPLE__ || defined __FreeBSD__ || defined __NetBSD__ || defined __OpenBSD__ || defined __DragonFly__
# define EV_USE_KQUEUE 1
#elif defined __sun
# define EV_USE_PORT 1
#endif

/* libev detects these by glibc's version. They are stated here so that musl has them too. */
#if defined __linux__
# define EV_USE_EVENTFD 1
# define EV_USE_SIGNALFD 1 /* compiled in, used only with EVFLAG_SIGNALFD */
# define EV_USE_INOTIFY 1
# define EV_USE_TIMERFD 1 /* created by the first periodic watcher, to notice jumps of the clock at once */
#endif

/* Both clocks, through libc and so through the vdso: the bare system call would be slower. */
#define EV_USE_MONOTONIC 1
#define EV_USE_REALTIME 1
#define EV_USE_CLOCK_SYSCALL 0
#define EV_USE_NANOSLEEP 1
#define EV_USE_FLOOR 1

/* Timers are in a 4-heap with the times beside the pointers, which means fewer cache misses with many timers. */
#define EV_USE_4HEAP 1
#define EV_HEAP_CACHE_AT 1

#endif
