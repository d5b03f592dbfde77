/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "source.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(source);

/* In struct ifinfomsg's attribute AF_INET6.  <linux/if_link.h> of some
 * distributions and <netinet/in.h> do not go together. */
#define ADDR_GEN_MODE_NONE 1

struct source {
    pcap_t *pcap;
    source_packet_func *cb;
    void *aux;

    uint32_t last_dropped;      /* The kernel's count, which may wrap. */
    uint64_t dropped;
};

/* Sets interface 'ifindex' up, without ARP, and without making itself a
 * link-local address. */
static int
set_link(unsigned int ifindex)
{
    struct ofpbuf request;
    int error;

    ofpbuf_init(&request, 128);
    nl_msg_put_nlmsghdr(&request, sizeof(struct ifinfomsg), RTM_NEWLINK,
                        NLM_F_REQUEST | NLM_F_ACK);
    struct ifinfomsg *ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = ifindex;
    ifi->ifi_flags = ifi->ifi_change = IFF_UP | IFF_NOARP;

    size_t spec = nl_msg_start_nested(&request, IFLA_AF_SPEC);
    size_t inet6 = nl_msg_start_nested(&request, AF_INET6);
    nl_msg_put_u8(&request, IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
    nl_msg_end_nested(&request, inet6);
    nl_msg_end_nested(&request, spec);

    error = nl_transact(NETLINK_ROUTE, &request, NULL);
    ofpbuf_uninit(&request);
    return error;
}

/* Has the interface ignore IPv6 altogether: a router's advertisement that is
 * only a copy must not become a route of this host. */
static int
disable_ipv6(const char *name)
{
    char *path = xasprintf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    FILE *file = fopen(path, "w");
    int error = 0;

    if (!file) {
        error = errno;
    } else {
        if (fputs("1", file) == EOF) {
            error = errno;
        }
        if (fclose(file) && !error) {
            error = errno;
        }
    }
    free(path);
    /* Without IPv6 there is nothing to ignore. */
    return error == ENOENT ? 0 : error;
}

void
source_quiet(const char *name)
{
    unsigned int ifindex = if_nametoindex(name);
    int error;

    if (!ifindex) {
        return;                 /* source_open() will tell. */
    }
    error = disable_ipv6(name);
    if (error) {
        VLOG_WARN("%s: cannot turn IPv6 off (%s)", name, ovs_strerror(error));
    }
    error = set_link(ifindex);
    if (error) {
        VLOG_WARN("%s: cannot set it up, without ARP (%s)",
                  name, ovs_strerror(error));
    }
}

/* Leaves out what this host sends.  libpcap alone would only do so after the
 * kernel has counted it, among what it drops too. */
static int
set_inbound(pcap_t *pcap)
{
    int on = 1;

    if (setsockopt(pcap_fileno(pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
                   sizeof on)) {
        VLOG_DBG("PACKET_IGNORE_OUTGOING: %s", ovs_strerror(errno));
    }
    return pcap_setdirection(pcap, PCAP_D_IN);
}

static int
activate(pcap_t *pcap, size_t buffer)
{
    pcap_set_snaplen(pcap, SOURCE_SNAPLEN);
    pcap_set_promisc(pcap, 1);
    pcap_set_timeout(pcap, SOURCE_GATHER);
    pcap_set_buffer_size(pcap, buffer);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    return pcap_activate(pcap);
}

struct source *
source_open(const char *name, size_t buffer, char **error)
{
    char errbuf[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_create(name, errbuf);

    if (!pcap) {
        *error = xstrdup(errbuf);
        return NULL;
    }

    int retval = activate(pcap, buffer);
    if (retval < 0) {
        const char *what = pcap_statustostr(retval);
        const char *detail = pcap_geterr(pcap);

        *error = (*detail && strcmp(what, detail)
                  ? xasprintf("%s (%s)", what, detail) : xstrdup(what));
    } else if (pcap_datalink(pcap) != DLT_EN10MB) {
        *error = xstrdup("not an Ethernet interface");
    } else if (set_inbound(pcap) || pcap_setnonblock(pcap, 1, errbuf)) {
        *error = xstrdup(pcap_geterr(pcap));
    } else {
        struct source *s = xzalloc(sizeof *s);

        s->pcap = pcap;
        return s;
    }
    pcap_close(pcap);
    return NULL;
}

void
source_close(struct source *s)
{
    if (s) {
        pcap_close(s->pcap);
        free(s);
    }
}

static void
one_packet(u_char *s_, const struct pcap_pkthdr *h, const u_char *data)
{
    struct source *s = (void *) s_;
    /* Nanoseconds, as we asked for. */
    struct timespec when = {
        .tv_sec = h->ts.tv_sec,
        .tv_nsec = h->ts.tv_usec,
    };

    s->cb(&when, data, h->caplen, h->len, s->aux);
}

int
source_read(struct source *s, int max, source_packet_func *cb, void *aux,
            char **error)
{
    s->cb = cb;
    s->aux = aux;
    int n = pcap_dispatch(s->pcap, max, one_packet, (u_char *) s);
    if (n < 0) {
        *error = xstrdup(pcap_geterr(s->pcap));
        return -1;
    }
    return n;
}

uint64_t
source_dropped(struct source *s)
{
    struct pcap_stat stat;

    if (!pcap_stats(s->pcap, &stat)) {
        s->dropped += stat.ps_drop - s->last_dropped;
        s->last_dropped = stat.ps_drop;
    }
    return s->dropped;
}

void
source_wait(struct source *s)
{
    poll_fd_wait(pcap_get_selectable_fd(s->pcap), POLLIN);
}
