/*
 * Put before a process with LD_PRELOAD: a disk that fails on command. The command is the content of the file that
 * ROOKERY_DISK names, read before each call on the database's files:
 *
 *   sync-fails    syncing any of them fails with EIO
 *   main-fails    syncing the database itself (not its log) fails with EIO
 *   sync-hangs    syncing waits until the command changes
 *   full          writing the database or its log fails with ENOSPC; the log's index, 32 kB, is not hit, since SQLite
 *                 gives its old space free before it takes the same again
 *
 * Anything else, or no file: all is well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int commanded(const char *what) {
    char text[32] = {0};
    const char *path = getenv("ROOKERY_DISK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && strcmp(text, what) == 0;
}

/* 0: another file, 1: the database, 2: its log, 3: the log's index. */
static int which(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    const char *name = strstr(path, "rookery.db");
    if (!name) return 0;
    return strcmp(name, "rookery.db") == 0 ? 1 : strcmp(name, "rookery.db-wal") == 0 ? 2 : 3;
}

static int sync_fault(int fd) {
    int file = which(fd);
    if (!file) return 0;
    while (commanded("sync-hangs")) {
        struct timespec pause = {0, 5 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    if (commanded("sync-fails") || (file == 1 && commanded("main-fails"))) {
        errno = EIO;
        return -1;
    }
    return 0;
}

static int write_fault(int fd) {
    int file = which(fd);
    if ((file != 1 && file != 2) || !commanded("full")) return 0;
    errno = ENOSPC;
    return -1;
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return sync_fault(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return sync_fault(fd) ? -1 : real(fd);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    ssize_t (*real)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return write_fault(fd) ? -1 : real(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    return write_fault(fd) ? -1 : real(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return write_fault(fd) ? -1 : real(fd, bytes, n, at);
}
