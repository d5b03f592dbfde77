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
 * all of it may be called wherever the originals may. */

#include "link-map.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

/* A place for an address that the kernel gives, whatever place the program
 * has, so that one that is cut off is translated first. */
union address {
    struct sockaddr sa;
    struct sockaddr_storage storage;
};

/* Gives the program what it asked for, as the kernel would: as much of the
 * address, of 'full' bytes, as has a place, and how long it is. */
static void
give_address(int fd, union address *address, socklen_t full,
             struct sockaddr *sa, socklen_t *len)
{
    show_address(fd, &address->sa, full);
    memcpy(sa, address, *len < full ? *len : full);
    *len = full;
}

/* Returns whether the kernel would fill in an address for 'sa' and 'len'.  It
 * is asked itself if it would refuse. */
static bool
wants_address(const struct sockaddr *sa, const socklen_t *len)
{
    return sa && len && (int) *len >= 0;
}

#define GIVE(CALL)                                          \
    ({                                                      \
        union address address;                              \
        socklen_t full = sizeof address;                    \
        __typeof__(CALL) result = CALL;                     \
                                                            \
        if (result >= 0) {                                  \
            give_address(fd, &address, full, sa, len);      \
        }                                                   \
        result;                                             \
    })

int
our_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
    return wants_address(sa, len)
           ? GIVE(REAL(accept4)(fd, &address.sa, &full, flags))
           : REAL(accept4)(fd, sa, len, flags);
}

int
our_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
    return wants_address(sa, len)
           ? GIVE(REAL(accept)(fd, &address.sa, &full))
           : REAL(accept)(fd, sa, len);
}

int
our_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
    return wants_address(sa, len)
           ? GIVE(REAL(getpeername)(fd, &address.sa, &full))
           : REAL(getpeername)(fd, sa, len);
}

int
our_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
    return wants_address(sa, len)
           ? GIVE(REAL(getsockname)(fd, &address.sa, &full))
           : REAL(getsockname)(fd, sa, len);
}

ssize_t
our_recvfrom(int fd, void *data, size_t size, int flags,
             struct sockaddr *sa, socklen_t *len)
{
    return wants_address(sa, len)
           ? GIVE(REAL(recvfrom)(fd, data, size, flags, &address.sa, &full))
           : REAL(recvfrom)(fd, data, size, flags, sa, len);
}

/* What recvfrom() is to a program that was built with _FORTIFY_SOURCE. */
ssize_t
our___recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
                   struct sockaddr *sa, socklen_t *len)
{
    return wants_address(sa, len)
           ? GIVE(REAL(__recvfrom_chk)(fd, data, size, room, flags,
                                       &address.sa, &full))
           : REAL(__recvfrom_chk)(fd, data, size, room, flags, sa, len);
}

ssize_t
our_recvmsg(int fd, struct msghdr *msg, int flags)
{
    union address address;
    struct msghdr m;
    ssize_t n;

    if (!wants_address(msg->msg_name, &msg->msg_namelen)) {
        return REAL(recvmsg)(fd, msg, flags);
    }
    m = *msg;
    m.msg_name = &address;
    m.msg_namelen = sizeof address;
    n = REAL(recvmsg)(fd, &m, flags);
    if (n >= 0) {
        give_address(fd, &address, m.msg_namelen, msg->msg_name,
                     &msg->msg_namelen);
        msg->msg_controllen = m.msg_controllen;
        msg->msg_flags = m.msg_flags;
    }
    return n;
}

/* How many messages the kernel takes at a time, at most. */
enum { MESSAGES_MAX = 1024 };

int
our_recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags,
             struct timespec *timeout)
{
    socklen_t room[MESSAGES_MAX];
    int n_received;

    for (unsigned int i = 0; i < n && i < MESSAGES_MAX; i++) {
        room[i] = messages[i].msg_hdr.msg_namelen;
    }
    n_received = REAL(recvmmsg)(fd, messages, n, flags, timeout);
    for (int i = 0; i < n_received; i++) {
        struct msghdr *m = &messages[i].msg_hdr;

        if (m->msg_name && m->msg_namelen <= room[i]) {
            show_address(fd, m->msg_name, m->msg_namelen);
        } else if (m->msg_name) {
            /* Half of an address cannot be translated. */
            memset(m->msg_name, 0, room[i]);
        }
    }
    return n_received;
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

    /* Without a scope id, too, which the kernel takes as well. */
    if (!sa || *len < offsetof(struct sockaddr_in6, sin6_scope_id)
        || sa->sa_family != AF_INET6) {
        return sa;
    }
    memset(copy, 0, sizeof *copy);
    memcpy(copy, sa, *len < sizeof *copy ? *len : sizeof *copy);
    owner = link_maps_owner(&maps, &copy->sin6_addr, ifr.ifr_name);
    if (owner == LINK_OTHER) {
        return sa;
    }
    if (owner == LINK_NONE || ioctl(fd, SIOCGIFINDEX, &ifr)) {
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

/* Makes '*m' what the kernel is to get for '*msg', with 'copy' for an address
 * if there is one to translate.  Returns false with errno if that is on no
 * link. */
static bool
hide_message(int fd, const struct msghdr *msg, struct msghdr *m,
             struct sockaddr_in6 *copy)
{
    *m = *msg;
    if (msg->msg_name) {
        m->msg_name = (void *) hide_address(fd, msg->msg_name,
                                            &m->msg_namelen, copy,
                                            ENETUNREACH);
    }
    return m->msg_name || !msg->msg_name;
}

ssize_t
our_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct sockaddr_in6 copy;
    struct msghdr m;

    return hide_message(fd, msg, &m, &copy)
           ? REAL(sendmsg)(fd, &m, flags) : -1;
}

/* One at a time: there is no place for the addresses of all. */
int
our_sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    unsigned int i;

    for (i = 0; i < n; i++) {
        struct mmsghdr message;
        struct sockaddr_in6 copy;

        if (!hide_message(fd, &messages[i].msg_hdr, &message.msg_hdr, &copy)
            || REAL(sendmmsg)(fd, &message, 1, flags) < 1) {
            return i ? (int) i : -1;
        }
        messages[i].msg_len = message.msg_len;
    }
    return i;
}
