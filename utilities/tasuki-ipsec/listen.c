/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "options.h"
#include "packets.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(listen);

/* "listen": has a socket to which ESP in UDP comes (RFC 3948).  The kernel
 * takes that out of the socket.  The rest, such as IKE and keepalives, is
 * dropped here. */

static int
open_socket(const struct tunnel *t, enum tunnel_side side)
{
    struct in6_addr address = *tunnel_address(t, side, 0);
    struct sockaddr_storage ss = { .ss_family = 0 };
    int encap = UDP_ENCAP_ESPINUDP;
    socklen_t len;

    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        struct sockaddr_in *sin = ALIGNED_CAST(struct sockaddr_in *, &ss);

        sin->sin_family = AF_INET;
        sin->sin_addr.s_addr = in6_addr_get_mapped_ipv4(&address);
        sin->sin_port = htons(TUNNEL_PORT);
        len = sizeof *sin;
    } else {
        struct sockaddr_in6 *sin6 = ALIGNED_CAST(struct sockaddr_in6 *, &ss);

        sin6->sin6_family = AF_INET6;
        sin6->sin6_addr = address;
        sin6->sin6_port = htons(TUNNEL_PORT);
        len = sizeof *sin6;
    }

    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &ss, len)) {
        ovs_fatal(errno, "UDP port %d", TUNNEL_PORT);
    }
    if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof encap)) {
        ovs_fatal(errno, "UDP port %d cannot be one for ESP", TUNNEL_PORT);
    }
    int error = set_nonblocking(fd);
    if (error) {
        ovs_fatal(error, "UDP port %d", TUNNEL_PORT);
    }
    return fd;
}

void
cmd_listen(struct ovs_cmdl_context *ctx)
{
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    uint8_t byte;

    if (t->wire != WIRE_PORT) {
        ovs_fatal(0, "%s: its packets are no UDP (\"wire\" is not \"port\")",
                  ctx->argv[1]);
    }

    int fd = open_socket(t, open_side(t));
    tunnel_destroy(t);
    daemonize_start(false);
    daemonize_complete();
    for (;;) {
        while (recv(fd, &byte, sizeof byte, 0) >= 0) {
            continue;
        }
        poll_fd_wait(fd, POLLIN);
        poll_block();
    }
}
