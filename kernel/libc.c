/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib asks of the system under it. There are no files: the standard streams are the
 * console, and there is no input. The C library may be used outside interrupts only; a report of a
 * trap uses no more of it than snprintf(), which takes no lock and no memory.
 *
 * Each CPU has its own state. All locks are one, so that no two CPUs take two of them in different
 * orders; nothing here is worth more than that.
 */
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/percpu.h"
#include "mm/host.h"

#include <errno.h>
#include <reent.h>
#include <signal.h>
#include <sys/lock.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- State and locks --- */

/* What newlib has a pointer to; all of them stand for the one below. */
struct __lock {
	char nothing;
};

/* All nine, or the linker takes newlib's and finds the others twice. */
struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/* Locks made at run time, those of streams, are all this one. */
static struct __lock stream_lock;

static struct lock library;
static unsigned depth; /* how often the CPU that has it took it */

/* newlib declares it only to itself. */
struct _reent *__getreent(void);

struct _reent *__getreent(void)
{
	return &this_cpu()->reent;
}

void __retarget_lock_init(_LOCK_T *lock)
{
	*lock = &stream_lock;
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = &stream_lock;
}

void __retarget_lock_close(_LOCK_T lock)
{
	(void)lock;
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	(void)lock;
}

static void acquire(void)
{
	lock_take(&library);
	depth++;
}

static int try_acquire(void)
{
	if (!lock_is_mine(&library) && !lock_try(&library))
		return 0;
	depth++;
	return 1;
}

static void release(void)
{
	if (!lock_is_mine(&library))
		host_panic("the C library releases a lock that it does not hold");
	if (--depth == 0)
		lock_give(&library);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	(void)lock;
	acquire();
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	(void)lock;
	acquire();
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	(void)lock;
	return try_acquire();
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	(void)lock;
	return try_acquire();
}

void __retarget_lock_release(_LOCK_T lock)
{
	(void)lock;
	release();
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	(void)lock;
	release();
}

/* --- System calls --- */

static bool is_console(int file)
{
	return file == STDOUT_FILENO || file == STDERR_FILENO;
}

int write(int file, const void *data, size_t bytes)
{
	if (!is_console(file)) {
		errno = EBADF;
		return -1;
	}
	console_write(data, bytes);
	return (int)bytes;
}

int read(int file, void *data, size_t bytes)
{
	(void)file, (void)data, (void)bytes;
	errno = EBADF;
	return -1;
}

int close(int file)
{
	(void)file;
	errno = EBADF;
	return -1;
}

off_t lseek(int file, off_t offset, int from)
{
	(void)file, (void)offset, (void)from;
	errno = ESPIPE;
	return -1;
}

int fstat(int file, struct stat *status)
{
	if (!is_console(file)) {
		errno = EBADF;
		return -1;
	}
	*status = (struct stat){.st_mode = S_IFCHR};
	return 0;
}

int isatty(int file)
{
	return is_console(file);
}

void *sbrk(ptrdiff_t bytes)
{
	void *before = heap_extend(bytes);

	if (before)
		return before;
	errno = ENOMEM;
	return (void *)-1;
}

pid_t getpid(void)
{
	return 1;
}

/* The C library sends itself a signal to abort. */
int kill(pid_t process, int signal)
{
	host_panic("the C library gave up: signal %d to process %d", signal, (int)process);
}

void _exit(int status)
{
	host_panic("the C library exits with status %d", status);
}
