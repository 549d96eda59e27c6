/* Stands between the program under test and the disk (LD_PRELOAD): records every operation on the files below
 * SHIM_DIR into SHIM_LOG, in order, and injects faults. The tests rebuild from the record what a power loss at any
 * point would have left.
 *
 *   SHIM_DIR        only files whose path starts with this are watched
 *   SHIM_LOG        where the record goes; none: nothing is recorded
 *   SHIM_NTH        the n-th watched write or sync fails, and every later one too when SHIM_STAY=1
 *   SHIM_ERRNO      with this errno (5 EIO, 28 ENOSPC); a write under SHIM_SHORT=1 is cut in half instead
 *   SHIM_FULL_FLAG  while this file exists, writes fail with ENOSPC; only those to files named so by SHIM_FULL_ONLY
 *   SHIM_TIGHT_FLAG while this file exists, the watched files together may not grow; what one is cut by, others may take
 *   SHIM_NO_SYNC    syncs answer success without syncing and are not recorded: the mutation the harness must see
 *
 * A record: 1 byte kind, 8 bytes offset, 4 bytes path length, 4 bytes data length, path, data (little endian).
 * Kinds: W write, S sync, T truncate (offset = length), U unlink, R rename (data = new path), D directory sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
static char *paths[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;
static long calls = 0;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t), (*real_close)(int);
static int (*real_open)(const char *, int, ...), (*real_openat)(int, const char *, int, ...);
static int (*real_unlink)(const char *), (*real_rename)(const char *, const char *);

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    real_write = next("write"), real_pwrite = next("pwrite64"), real_fsync = next("fsync");
    real_fdatasync = next("fdatasync"), real_ftruncate = next("ftruncate64"), real_close = next("close");
    real_open = next("open64"), real_openat = next("openat64"), real_unlink = next("unlink"), real_rename = next("rename");
    const char *log = getenv("SHIM_LOG");
    log_fd = log ? real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
}

static const char *watched(int fd) { return fd >= 0 && fd < FDS ? paths[fd] : NULL; }

static int below(const char *path) {
    const char *dir = getenv("SHIM_DIR");
    return dir && !strncmp(path, dir, strlen(dir));
}

static void note(int fd, const char *path) {
    if (fd < 0 || fd >= FDS) return;
    char absolute[4096];
    if (path[0] != '/') {
        if (!getcwd(absolute, sizeof absolute / 2)) return;
        strcat(absolute, "/"), strncat(absolute, path, 2000);
        path = absolute;
    }
    free(paths[fd]);
    paths[fd] = below(path) ? strdup(path) : NULL;
}

/* Call with the lock held. */
static void record(char kind, const char *path, int64_t offset, const void *bytes, uint32_t size) {
    if (log_fd < 0) return;
    uint32_t length = (uint32_t)strlen(path);
    char head[17];
    head[0] = kind, memcpy(head + 1, &offset, 8), memcpy(head + 9, &length, 4), memcpy(head + 13, &size, 4);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, length}, {(void *)bytes, size}};
    if (writev(log_fd, parts, 3) < 0) abort();
}

/* Whether this call is to fail. Call with the lock held. */
static int fails(int is_write, const char *path) {
    const char *nth = getenv("SHIM_NTH"), *code = getenv("SHIM_ERRNO");
    const char *full = getenv("SHIM_FULL_FLAG"), *only = getenv("SHIM_FULL_ONLY");
    if (is_write && full && !access(full, F_OK) && (!only || strstr(path, only))) { errno = ENOSPC; return 1; }
    if (!nth) return 0;
    long at = ++calls, wanted = atol(nth);
    if (at == wanted || (at > wanted && getenv("SHIM_STAY"))) { errno = code ? atoi(code) : EIO; return 1; }
    return 0;
}

static int64_t room = 0;

/* Whether a file may not grow to this length. Call with the lock held. */
static int is_tight(int fd, int64_t end) {
    const char *flag = getenv("SHIM_TIGHT_FLAG");
    struct stat st;
    if (!flag || access(flag, F_OK)) { room = 0; return 0; }
    if (fstat(fd, &st) || end <= st.st_size) return 0;
    if (end - st.st_size > room) { errno = ENOSPC; return 1; }
    room -= end - st.st_size;
    return 0;
}

static int opened(int fd, const char *path) { if (fd >= 0) note(fd, path); return fd; }
#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list a; va_start(a, flags); mode = va_arg(a, mode_t); va_end(a); }
int open(const char *path, int flags, ...) { MODE(flags) return opened(real_open(path, flags, mode), path); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(real_open(path, flags, mode), path); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(real_openat(at, path, flags, mode), path); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(real_openat(at, path, flags, mode), path); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (watched(fd)) { free(paths[fd]); paths[fd] = NULL; }
    pthread_mutex_unlock(&lock);
    return real_close(fd);
}

static ssize_t put(int fd, const void *bytes, size_t size, off_t offset) {
    const char *path = watched(fd);
    if (!path) return offset < 0 ? real_write(fd, bytes, size) : real_pwrite(fd, bytes, size, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    size_t length = strlen(path);
    int note = length > 5 && !strcmp(path + length - 5, "/acks"); /* what the client knows is not on this disk */
    int refused = note ? 0 : fails(1, path);
    if (!refused || getenv("SHIM_SHORT")) {
        off_t at = offset;
        if (at < 0) {
            struct stat st;
            int append = fcntl(fd, F_GETFL) & O_APPEND;
            at = append && !fstat(fd, &st) ? st.st_size : lseek(fd, 0, SEEK_CUR);
        }
        if (!note && is_tight(fd, at + (off_t)size)) { pthread_mutex_unlock(&lock); return -1; }
        if (refused) size /= 2;
        done = offset < 0 ? real_write(fd, bytes, size) : real_pwrite(fd, bytes, size, offset);
        if (done > 0) record('W', path, at, bytes, (uint32_t)done);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t write(int fd, const void *bytes, size_t size) { return put(fd, bytes, size, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) { return put(fd, bytes, size, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) { return put(fd, bytes, size, offset); }

static int synced(int fd, int (*real)(int)) {
    const char *path = watched(fd);
    if (!path) return real(fd);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (getenv("SHIM_NO_SYNC")) result = 0;
    else if (!fails(0, path)) {
        struct stat st;
        result = 0; /* The record says what is durable; really syncing would only make the tests slow. */
        if (log_fd < 0) result = real(fd);
        record(!fstat(fd, &st) && S_ISDIR(st.st_mode) ? 'D' : 'S', path, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

static int cut(int fd, off_t length) {
    const char *path = watched(fd);
    if (!path) return real_ftruncate(fd, length);
    pthread_mutex_lock(&lock);
    struct stat before;
    int64_t size = fstat(fd, &before) ? 0 : before.st_size;
    int result = fails(1, path) || is_tight(fd, length) ? -1 : real_ftruncate(fd, length);
    if (!result && length < size && getenv("SHIM_TIGHT_FLAG")) room += size - length;
    if (!result) record('T', path, length, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off_t length) { return cut(fd, length); }

int unlink(const char *path) {
    pthread_mutex_lock(&lock);
    int result = real_unlink(path);
    if (!result && below(path)) record('U', path, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int result = real_rename(from, to);
    if (!result && below(to)) record('R', from, 0, to, (uint32_t)strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}
