/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib asks of the system under it. There are no files: the standard streams are the
 * console, and there is no input. The C library may be used outside interrupts only; a report of a
 * trap uses no more of it than snprintf(), which takes no lock and no memory.
 *
 * One CPU runs. Its locks therefore never wait, and its state exists once.
 */
#include "kernel/console.h"
#include "kernel/heap.h"
#include "mm/host.h"

#include <errno.h>
#include <reent.h>
#include <signal.h>
#include <sys/lock.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- State and locks --- */

struct __lock {
	unsigned held;
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
static struct __lock shared_lock;

static struct _reent reent = _REENT_INIT(reent);

/* newlib declares it only to itself. */
struct _reent *__getreent(void);

struct _reent *__getreent(void)
{
	return &reent;
}

void __retarget_lock_init(_LOCK_T *lock)
{
	*lock = &shared_lock;
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = &shared_lock;
}

void __retarget_lock_close(_LOCK_T lock)
{
	(void)lock;
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	(void)lock;
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	lock->held++;
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	lock->held++;
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	lock->held++;
	return 1;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	lock->held++;
	return 1;
}

static void release(_LOCK_T lock)
{
	if (lock->held == 0)
		host_panic("the C library releases a lock that it does not hold");
	lock->held--;
}

void __retarget_lock_release(_LOCK_T lock)
{
	release(lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	release(lock);
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
