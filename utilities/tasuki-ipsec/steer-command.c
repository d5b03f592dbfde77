/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "steer-plan.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "sysfs.h"
#include "util.h"

static bool
is_ipv4(const struct steer_step *step)
{
    return IN6_IS_ADDR_V4MAPPED(&step->flow.dst);
}

static void
put_address(struct ds *ds, const char *word, const struct in6_addr *addr)
{
    ds_put_format(ds, " %s ", word);
    ipv6_format_mapped(addr, ds);
}

static void
put_filter(struct ds *ds, const struct steer_step *step, const char *nic)
{
    const struct sa_flow *flow = &step->flow;
    const char *version = is_ipv4(step) ? "4" : "6";

    ds_put_format(ds, "ethtool -N %s flow-type %s%s", nic,
                  step->key == STEER_SPI ? "esp"
                  : step->key == STEER_PORT ? "udp" : "ip", version);
    if (step->key != STEER_SPI) {
        put_address(ds, "src-ip", &flow->src);
    }
    put_address(ds, "dst-ip", &flow->dst);
    if (step->key == STEER_SPI) {
        ds_put_format(ds, " spi 0x%08"PRIx32, ntohl(flow->spi));
    } else if (step->key == STEER_PORT) {
        ds_put_format(ds, " src-port %"PRIu16" dst-port %"PRIu16,
                      ntohs(flow->src_port), ntohs(flow->dst_port));
    }
    ds_put_format(ds, " action %u loc %"PRIu32, step->queue, step->location);
}

static void
put_skbedit(struct ds *ds, const struct steer_step *step, const char *nic)
{
    const struct sa_flow *flow = &step->flow;
    const char *ip = is_ipv4(step) ? "ip" : "ip6";
    int bits = is_ipv4(step) ? 32 : 128;

    /* u32, because flower does not know ESP before Linux 6.6.  What it calls
     * ports is what follows 20 (IPv6: 40) bytes of header; the kernel's outer
     * header has no options. */
    ds_put_format(ds, "tc filter add dev %s egress pref %d protocol %s u32",
                  nic, STEER_PREF, is_ipv4(step) ? "ip" : "ipv6");
    ds_put_format(ds, " match %s src ", ip);
    ipv6_format_mapped(&flow->src, ds);
    ds_put_format(ds, "/%d match %s dst ", bits, ip);
    ipv6_format_mapped(&flow->dst, ds);
    ds_put_format(ds, "/%d match %s protocol %d 0xff", bits, ip,
                  step->key == STEER_PORT ? IPPROTO_UDP : IPPROTO_ESP);
    if (step->key == STEER_SPI) {
        ds_put_format(ds, " match u32 0x%08"PRIx32" 0xffffffff at %d",
                      ntohl(flow->spi), is_ipv4(step) ? 20 : 40);
    } else if (step->key == STEER_PORT) {
        ds_put_format(ds, " match %s sport %"PRIu16" 0xffff match %s "
                      "dport %"PRIu16" 0xffff",
                      ip, ntohs(flow->src_port), ip, ntohs(flow->dst_port));
    }
    ds_put_format(ds, " action skbedit queue_mapping %u", step->queue);
}

char *
steer_step_command(const struct steer_step *step, const char *nic)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    switch (step->kind) {
    case STEP_NTUPLE:
        ds_put_format(&ds, "ethtool -K %s ntuple on", nic);
        break;

    case STEP_FILTER:
        put_filter(&ds, step, nic);
        break;

    case STEP_FIELDS:
        /* Source and destination, and the first and second two bytes of what
         * follows the IP header: ports, or the SPI. */
        ds_put_format(&ds, "ethtool -N %s rx-flow-hash %s%c sdfn", nic,
                      step->key == STEER_PORT ? "udp" : "esp",
                      step->ipv6 ? '6' : '4');
        break;

    case STEP_RPS: {
        char *path = sysfs_rps_path(nic, step->queue);

        ds_put_format(&ds, "echo %s >%s", step->cpus, path);
        free(path);
        break;
    }

    case STEP_CLSACT:
        ds_put_format(&ds, "tc qdisc add dev %s clsact", nic);
        break;

    case STEP_SKBEDIT:
        put_skbedit(&ds, step, nic);
        break;
    }
    return ds_steal_cstr(&ds);
}
