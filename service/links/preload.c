/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libtasuki-links.so, to be preloaded: shows a program each link-local link as
 * a network of its own, by translating addresses between it and the kernel.
 *
 *     kernel                              program
 *     fe80::c0a8:a, scope id of em12      fd00:0:1:12::c0a8:a
 *
 * so that what a program does by address, such as access lists, virtual hosts
 * and logs, it does by link, without knowing what a scope id is.  See
 * tasuki-links(1), which sets this up.
 *
 * Nothing here allocates, locks or remembers anything: which link an address
 * is on is asked of the kernel every time, through the socket in question.  So
 * all of it may be called wherever the originals may.
 *
 * Nor does anything here touch memory that a program points at before it is
 * known to be there: a wrong pointer is an error that the kernel reports, and
 * programs that live with that must not crash because of us. */

#include "link-map.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Written once, before the program starts. */
static struct link_maps maps;

/* The functions that we stand in for, with their arguments. */
#define ORIGINALS                                                           \
    ORIGINAL(accept, int, (int, struct sockaddr *, socklen_t *))            \
    ORIGINAL(accept4, int, (int, struct sockaddr *, socklen_t *, int))      \
    ORIGINAL(getpeername, int, (int, struct sockaddr *, socklen_t *))       \
    ORIGINAL(getsockname, int, (int, struct sockaddr *, socklen_t *))       \
    ORIGINAL(recvfrom, ssize_t, (int, void *, size_t, int,                  \
                                 struct sockaddr *, socklen_t *))           \
    ORIGINAL(__recvfrom_chk, ssize_t, (int, void *, size_t, size_t, int,    \
                                       struct sockaddr *, socklen_t *))     \
    ORIGINAL(recvmsg, ssize_t, (int, struct msghdr *, int))                 \
    ORIGINAL(recvmmsg, int, (int, struct mmsghdr *, unsigned int, int,      \
                             struct timespec *))                            \
    ORIGINAL(bind, int, (int, const struct sockaddr *, socklen_t))          \
    ORIGINAL(connect, int, (int, const struct sockaddr *, socklen_t))       \
    ORIGINAL(sendto, ssize_t, (int, const void *, size_t, int,              \
                               const struct sockaddr *, socklen_t))         \
    ORIGINAL(sendmsg, ssize_t, (int, const struct msghdr *, int))           \
    ORIGINAL(sendmmsg, int, (int, struct mmsghdr *, unsigned int, int))

static struct {
#define ORIGINAL(NAME, TYPE, ARGS) TYPE (*NAME) ARGS;
    ORIGINALS
#undef ORIGINAL
} real;

/* Ours: our_accept() here is accept() to the program.  The C library's own
 * declarations have types that differ from POSIX's. */
#define ORIGINAL(NAME, TYPE, ARGS) \
    TYPE our_##NAME ARGS __asm__(#NAME) __attribute__((visibility("default")));
ORIGINALS
#undef ORIGINAL

static void __attribute__((constructor))
tasuki_links_init(void)
{
    struct link_maps_error error;
    const char *list = getenv("TASUKI_LINKS");

#define ORIGINAL(NAME, TYPE, ARGS) real.NAME = dlsym(RTLD_NEXT, #NAME);
    ORIGINALS
#undef ORIGINAL

    /* A program that would see other addresses than its configuration is
     * written for had better not start. */
    if (!list) {
        fprintf(stderr, "libtasuki-links.so: TASUKI_LINKS is not set\n");
        _exit(127);
    }
    if (!link_maps_parse(&maps, list, &error)) {
        fprintf(stderr, "libtasuki-links.so: TASUKI_LINKS: \"%.*s\" %s\n",
                error.n, error.at, error.text);
        _exit(127);
    }
}

/* Returns the original of 'NAME', also for another library's constructor that
 * runs before ours. */
#define REAL(NAME)                                      \
    ({                                                  \
        if (!real.NAME) {                               \
            real.NAME = dlsym(RTLD_NEXT, #NAME);        \
        }                                               \
        real.NAME;                                      \
    })

/* The program's memory. */

/* Returns whether the 8 bytes at 'p', a multiple of 8, are there: the kernel
 * reads a new signal mask before it looks what to do with it, which in this
 * call is nothing that there is. */
static bool
is_there(uintptr_t p)
{
    return p && (syscall(SYS_rt_sigprocmask, -1, p, NULL, 8) != -1
                 || errno != EFAULT);
}

/* Returns whether 'n' bytes at 'p', not more than a page, can be read.  Keeps
 * errno. */
static bool
is_readable(const void *p, size_t n)
{
    enum { PAGE = 4096 };
    uintptr_t first = (uintptr_t) p & ~(uintptr_t) 7;
    uintptr_t last = ((uintptr_t) p + n - 1) & ~(uintptr_t) 7;
    int error = errno;
    bool readable = (first <= last && is_there(first)
                     && (first / PAGE == last / PAGE || is_there(last)));

    errno = error;
    return readable;
}

/* Writes 'n' bytes of 'ours' to 'theirs'.  Returns false with EFAULT if that
 * is not there, and otherwise keeps errno.  Where the system call is forbidden,
 * the program had better point at something. */
static bool
put_bytes(void *theirs, const void *ours, size_t n)
{
    struct iovec local = { (void *) ours, n };
    struct iovec remote = { theirs, n };
    int error = errno;
    ssize_t copied = n ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
                       : 0;

    if (copied != (ssize_t) n && (copied >= 0 || errno == EFAULT)) {
        errno = EFAULT;
        return false;
    } else if (copied < 0) {
        memcpy(theirs, ours, n);
    }
    errno = error;
    return true;
}

/* From the kernel to the program. */

static bool
is_link_local(const struct in6_addr *address)
{
    static const uint8_t prefix[8] = { 0xfe, 0x80 };

    return !memcmp(address, prefix, sizeof prefix);
}

/* Replaces the address 'sa', of 'len' bytes, that the kernel gave for socket
 * 'fd', by what the program is to see.  Keeps errno.
 *
 * A link-local address on a link that is in no map, or that is not there any
 * more, stays as it is, which is in nobody's network.  An address that really
 * has a map's prefix becomes the unspecified one: anybody could say that he
 * has it, and would be taken for a tenant. */
static void
show_address(int fd, struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *) sa;
    char name[IFNAMSIZ];

    if (len < sizeof *sin6 || sa->sa_family != AF_INET6) {
        return;
    }
    if (is_link_local(&sin6->sin6_addr)) {
        struct ifreq ifr = { .ifr_ifindex = sin6->sin6_scope_id };
        struct in6_addr network;
        int error = errno;

        if (!ioctl(fd, SIOCGIFNAME, &ifr)
            && link_maps_network(&maps, ifr.ifr_name, &network)) {
            memcpy(&sin6->sin6_addr, &network, 8);
            sin6->sin6_scope_id = 0;
        }
        errno = error;
    } else if (link_maps_owner(&maps, &sin6->sin6_addr, name) != LINK_OTHER) {
        memset(&sin6->sin6_addr, 0, sizeof sin6->sin6_addr);
        sin6->sin6_port = 0;
    }
}

/* A place for an address that the kernel gives if the program has none for all
 * of it, so that one that is cut off is translated first. */
union address {
    struct sockaddr sa;
    struct sockaddr_storage storage;
};

/* Returns whether the program has less room, '*len', for an address than one
 * needs that we translate.  Where the program should not have asked, the answer
 * is no: the kernel says so itself. */
static bool
is_cut_off(const struct sockaddr *sa, const socklen_t *len)
{
    return sa && is_readable(len, sizeof *len)
           && *len < sizeof(struct sockaddr_in6);
}

/* Gives the program what it asked for, as the kernel would: as much of the
 * address, of 'full' bytes, as has a place, and how long it is.  Returns false
 * with EFAULT if that cannot be written. */
static bool
give_address(int fd, union address *address, socklen_t full,
             struct sockaddr *sa, socklen_t *len)
{
    show_address(fd, &address->sa, full);
    return put_bytes(sa, address, *len < full ? *len : full)
           && put_bytes(len, &full, sizeof full);
}

/* The value of 'CALL', which has 'place' and 'length' for the program's 'sa'
 * and 'len', with the address translated.  'UNDO' is what the kernel does to a 'result' if it cannot tell whose it
 * is. */
#define GIVE(CALL, UNDO)                                                \
    ({                                                                  \
        union address address;                                          \
        socklen_t full = sizeof address;                                \
        bool cut_off = is_cut_off(sa, len);                             \
        struct sockaddr *place = cut_off ? &address.sa : sa;            \
        socklen_t *length = cut_off ? &full : len;                      \
        __typeof__(CALL) result = CALL;                                 \
                                                                        \
        if (result >= 0 && !cut_off) {                                  \
            if (sa) {                                                   \
                show_address(fd, sa, *len);                             \
            }                                                           \
        } else if (result >= 0                                          \
                   && !give_address(fd, &address, full, sa, len)) {     \
            UNDO;                                                       \
            errno = EFAULT;                                             \
            result = -1;                                                \
        }                                                               \
        result;                                                         \
    })

int
our_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
    return GIVE(REAL(accept4)(fd, place, length, flags), close(result));
}

int
our_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
    return GIVE(REAL(accept)(fd, place, length), close(result));
}

int
our_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
    return GIVE(REAL(getpeername)(fd, place, length), );
}

int
our_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
    return GIVE(REAL(getsockname)(fd, place, length), );
}

ssize_t
our_recvfrom(int fd, void *data, size_t size, int flags,
             struct sockaddr *sa, socklen_t *len)
{
    return GIVE(REAL(recvfrom)(fd, data, size, flags, place, length), );
}

/* What recvfrom() is to a program that was built with _FORTIFY_SOURCE. */
ssize_t
our___recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
                   struct sockaddr *sa, socklen_t *len)
{
    return GIVE(REAL(__recvfrom_chk)(fd, data, size, room, flags, place,
                                     length), );
}

ssize_t
our_recvmsg(int fd, struct msghdr *msg, int flags)
{
    union address address;
    struct msghdr m;
    ssize_t n;

    if (!is_readable(msg, sizeof *msg) || !msg->msg_name) {
        return REAL(recvmsg)(fd, msg, flags);
    } else if (!is_cut_off(msg->msg_name, &msg->msg_namelen)) {
        n = REAL(recvmsg)(fd, msg, flags);
        if (n >= 0) {
            show_address(fd, msg->msg_name, msg->msg_namelen);
        }
        return n;
    }
    m = *msg;
    m.msg_name = &address;
    m.msg_namelen = sizeof address;
    n = REAL(recvmsg)(fd, &m, flags);
    if (n >= 0
        && (!give_address(fd, &address, m.msg_namelen, msg->msg_name,
                          &msg->msg_namelen)
            || !put_bytes(&msg->msg_flags, &m.msg_flags, sizeof m.msg_flags)
            || !put_bytes(&msg->msg_controllen, &m.msg_controllen,
                          sizeof m.msg_controllen))) {
        return -1;
    }
    return n;
}

/* Translates the names of the 'n' messages that the kernel has filled in, and
 * which are there therefore.  'rooms' is what it had for them. */
static void
show_messages(int fd, struct mmsghdr *messages, int n, const socklen_t *rooms)
{
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &messages[i].msg_hdr;

        if (m->msg_name && m->msg_namelen <= rooms[i]) {
            show_address(fd, m->msg_name, m->msg_namelen);
        } else if (m->msg_name) {
            /* Half of an address cannot be translated. */
            memset(m->msg_name, 0, rooms[i]);
        }
    }
}

/* Some at a time: of each it must be known how much room its name has. */
int
our_recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags,
             struct timespec *timeout)
{
    enum { CHUNK = 32 };
    unsigned int done = 0;
    int error = errno;

    _Static_assert(CHUNK * sizeof *messages <= 4096, "is_readable()");
    do {
        struct mmsghdr *m = messages + done;
        unsigned int size = n - done < CHUNK ? n - done : CHUNK;
        socklen_t rooms[CHUNK];
        int received;

        /* The kernel is asked itself about what is not there. */
        if (size && !is_readable(m, size * sizeof *m)) {
            size = 1;
        }
        if (size > 1 || (size && is_readable(m, sizeof *m))) {
            for (unsigned int i = 0; i < size; i++) {
                rooms[i] = m[i].msg_hdr.msg_namelen;
            }
        }
        received = REAL(recvmmsg)(fd, m, size, flags, timeout);
        if (received < 0) {
            if (!done) {
                return -1;
            }
            errno = error;
            break;
        }
        show_messages(fd, m, received, rooms);
        done += received;
        if (received < (int) size
            || (timeout && !timeout->tv_sec && !timeout->tv_nsec)) {
            break;
        }
        if (flags & MSG_WAITFORONE) {
            flags |= MSG_DONTWAIT;
        }
    } while (done < n);
    return done;
}

/* From the program to the kernel. */

/* Returns the address that the kernel is to get for 'sa', of '*len' bytes:
 * 'sa' itself, or if it is on a link of a map, 'copy'.  Returns a null pointer
 * with errno 'error' if there is no such link. */
static const struct sockaddr *
hide_address(int fd, const struct sockaddr *sa, socklen_t *len,
             struct sockaddr_in6 *copy, int error)
{
    struct ifreq ifr;
    enum link_owner owner;
    int old_errno = errno;

    /* Without a scope id, too, which the kernel takes as well. */
    if (!sa || (int) *len < (int) offsetof(struct sockaddr_in6, sin6_scope_id)
        || *len > sizeof(struct sockaddr_storage)
        || !is_readable(sa, *len) || sa->sa_family != AF_INET6) {
        return sa;
    }
    memset(copy, 0, sizeof *copy);
    memcpy(copy, sa, *len < sizeof *copy ? *len : sizeof *copy);
    owner = link_maps_owner(&maps, &copy->sin6_addr, ifr.ifr_name);
    if (owner == LINK_OTHER) {
        return sa;
    }
    if (owner == LINK_NONE) {
        /* Which no interface is called. */
        ifr.ifr_name[0] = '\0';
    }
    if (ioctl(fd, SIOCGIFINDEX, &ifr)) {
        if (errno != ENODEV) {
            /* Not a socket. */
            errno = old_errno;
            return sa;
        }
        errno = error;
        return NULL;
    }
    memset(&copy->sin6_addr, 0, 8);
    copy->sin6_addr.s6_addr[0] = 0xfe;
    copy->sin6_addr.s6_addr[1] = 0x80;
    copy->sin6_scope_id = ifr.ifr_ifindex;
    *len = sizeof *copy;
    return (const struct sockaddr *) copy;
}

int
our_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_in6 copy;

    if (sa && !(sa = hide_address(fd, sa, &len, &copy, EADDRNOTAVAIL))) {
        return -1;
    }
    return REAL(bind)(fd, sa, len);
}

int
our_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_in6 copy;

    if (sa && !(sa = hide_address(fd, sa, &len, &copy, ENETUNREACH))) {
        return -1;
    }
    return REAL(connect)(fd, sa, len);
}

ssize_t
our_sendto(int fd, const void *data, size_t size, int flags,
           const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_in6 copy;

    if (sa && !(sa = hide_address(fd, sa, &len, &copy, ENETUNREACH))) {
        return -1;
    }
    return REAL(sendto)(fd, data, size, flags, sa, len);
}

/* Makes '*m' what the kernel is to get for '*msg', with 'copy' for its address,
 * if it has one to translate: returns 1.  Otherwise returns 0, or -1 with errno
 * if the address is on no link. */
static int
hide_message(int fd, const struct msghdr *msg, struct msghdr *m,
             struct sockaddr_in6 *copy)
{
    const void *name;

    if (!is_readable(msg, sizeof *msg) || !msg->msg_name) {
        return 0;
    }
    *m = *msg;
    name = hide_address(fd, m->msg_name, &m->msg_namelen, copy, ENETUNREACH);
    if (!name) {
        return -1;
    } else if (name == m->msg_name) {
        return 0;
    }
    m->msg_name = (void *) name;
    return 1;
}

ssize_t
our_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct sockaddr_in6 copy;
    struct msghdr m;
    int hidden = hide_message(fd, msg, &m, &copy);

    return hidden < 0 ? -1 : REAL(sendmsg)(fd, hidden ? &m : msg, flags);
}

/* One at a time: there is no place for the addresses of all. */
int
our_sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    enum { KERNEL_MAX = 1024 };
    int error = errno;
    unsigned int i;

    if (!n) {
        return REAL(sendmmsg)(fd, messages, n, flags);
    }
    for (i = 0; i < n && i < KERNEL_MAX; i++) {
        struct mmsghdr m;
        struct sockaddr_in6 copy;
        int hidden = hide_message(fd, &messages[i].msg_hdr, &m.msg_hdr, &copy);

        if (hidden < 0
            || REAL(sendmmsg)(fd, hidden ? &m : &messages[i], 1, flags) < 1
            || (hidden && !put_bytes(&messages[i].msg_len, &m.msg_len,
                                     sizeof m.msg_len))) {
            if (!i) {
                return -1;
            }
            errno = error;
            break;
        }
    }
    return i;
}
