/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef REMOTE_IF_H
#define REMOTE_IF_H 1

/* The interface by which a client's connection came in.
 *
 * Where several links have the same link-local addresses, that is all that
 * tells their clients apart (RFC 4007, section 6; the tenant paper, section
 * 4.3).  It is that of
 *
 *   - the scope id of the client's address, if it is link-local, and else
 *   - the packet that completed the TCP handshake, which Linux keeps as the
 *     interface for multicasts of the new socket, of IPv6 connections.
 *
 * IPv4 connections have none: where it matters, it matters because IPv4
 * addresses say nothing. */

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Stores the index of the interface of connection 'fd', from 'client', in
 * '*index', or 0 if it has none, and its name in 'name', which is then empty.
 *
 * Returns 0 or an errno value: ENODEV if the interface is not there any more.
 * The name is looked up through the connection, that is in the connection's
 * network namespace, which need not be the caller's. */
static inline int
remote_if_get(int fd, const struct sockaddr_in6 *client, int *index,
              char name[IFNAMSIZ])
{
    socklen_t len = sizeof *index;
    struct ifreq ifr;

    *index = 0;
    name[0] = '\0';
    if (client->sin6_family != AF_INET6
        || IN6_IS_ADDR_V4MAPPED(&client->sin6_addr)) {
        return 0;
    }
    if (IN6_IS_ADDR_LINKLOCAL(&client->sin6_addr)) {
        *index = client->sin6_scope_id;
    } else if (getsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index, &len)) {
        return errno;
    }
    if (!*index) {
        return 0;
    }

    ifr.ifr_ifindex = *index;
    if (ioctl(fd, SIOCGIFNAME, &ifr)) {
        return errno;
    }
    for (int i = 0; i < IFNAMSIZ; i++) {
        name[i] = ifr.ifr_name[i];
    }
    name[IFNAMSIZ - 1] = '\0';
    return 0;
}

#endif /* remote-if.h */
