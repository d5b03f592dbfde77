/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "swanctl.h"

#include <stdio.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Configuration for strongSwan.
 *
 * Each tag is a connection with identities of its own.  N children of one
 * connection do not work (strongSwan 5.9.8): their selectors are equal, so the
 * responder takes the first child for all of them.  All have one reqid, so
 * that the policies for what comes in, of which the kernel keeps one, accept
 * any. */

#define REQID 1

/* A version's first three numbers as one.  Those that are not there are 0. */
static unsigned int
version(const char *s)
{
    unsigned int v[3] = { 0 };

    if (!s || sscanf(s, "%3u.%3u.%3u", &v[0], &v[1], &v[2]) < 1) {
        return 0;
    }
    return (v[0] * 1000 + v[1]) * 1000 + v[2];
}

/* 'kernel' is as in "uname -r", and 'strongswan' a version such as "6.0.2", or
 * null if there is none. */
enum per_cpu
per_cpu_check(const char *kernel, const char *strongswan)
{
    return (version(kernel) < version("6.13") ? PER_CPU_OLD_KERNEL
            : version(strongswan) < version("6.0.2") ? PER_CPU_OLD_STRONGSWAN
            : PER_CPU_YES);
}

/* Returns null, or, for the caller to free, why IKE cannot make 't'. */
char *
swanctl_check(const struct tunnel *t)
{
    const char *why = NULL;

    if (t->wire == WIRE_PORT) {
        why = "strongSwan sends all from one UDP port (\"wire\" is \"port\")";
    } else if (t->tag_in == TAG_IN_ADDRESS) {
        why = "IKE makes SAs for both directions of the same networks "
              "(\"tag_in\" is \"address\")";
    } else if (t->ends[SIDE_A].n_tags != t->ends[SIDE_B].n_tags) {
        why = "IKE makes SAs in pairs (the two ends' \"tags\" differ)";
    }
    return why ? xstrdup(why) : NULL;
}

static void
put_networks(struct ds *ds, const char *name, const struct tunnel_end *end)
{
    ds_put_format(ds, "                %s = ", name);
    for (size_t i = 0; i < end->n_networks; i++) {
        ds_put_cstr(ds, i ? "," : "");
        ipv6_format_mapped(&end->networks[i].address, ds);
        ds_put_format(ds, "/%d", end->networks[i].plen);
    }
    ds_put_char(ds, '\n');
}

static void
put_addresses(struct ds *ds, const char *name, const struct tunnel *t,
              enum tunnel_side side, size_t tag)
{
    ds_put_format(ds, "        %s = ", name);
    ipv6_format_mapped(tunnel_address(t, side, tag), ds);
    ds_put_char(ds, '\n');
}

static void
put_connection(struct ds *ds, const struct tunnel *t, enum tunnel_side side,
               size_t tag, bool per_cpu)
{
    enum tunnel_side peer = tunnel_other(side);

    ds_put_format(ds, "    %s-%"PRIuSIZE" {\n        version = 2\n",
                  t->name, tag);
    put_addresses(ds, "local_addrs", t, side, tag);
    put_addresses(ds, "remote_addrs", t, peer, tag);
    /* Else a connection ends those before it. */
    ds_put_cstr(ds, "        unique = no\n");
    ds_put_format(ds, "        local {\n            auth = psk\n"
                  "            id = %s%"PRIuSIZE"@%s\n        }\n",
                  tunnel_side_name(side), tag, t->name);
    ds_put_format(ds, "        remote {\n            auth = psk\n"
                  "            id = %s%"PRIuSIZE"@%s\n        }\n",
                  tunnel_side_name(peer), tag, t->name);
    ds_put_format(ds, "        children {\n            %s-%"PRIuSIZE" {\n",
                  t->name, tag);
    put_networks(ds, "local_ts", &t->ends[side]);
    put_networks(ds, "remote_ts", &t->ends[peer]);
    ds_put_format(ds, "                esp_proposals = %s-%s\n",
                  t->cipher->name, t->esn ? "esn" : "noesn");
    ds_put_format(ds, "                replay_window = %u\n",
                  t->replay_window);
    if (per_cpu) {
        ds_put_cstr(ds, "                per_cpu_sas = yes\n");
    } else {
        ds_put_format(ds, "                reqid = %d\n", REQID);
        ds_put_format(ds, "                mark_out = %#"PRIx32"/%#"PRIx32
                      "\n", tunnel_mark(t, tag), t->mark_mask);
    }
    if (t->if_id) {
        ds_put_format(ds, "                if_id_in = %"PRIu32"\n"
                      "                if_id_out = %"PRIu32"\n",
                      t->if_id, t->if_id);
    }
    if (!t->copy_dscp) {
        ds_put_cstr(ds, "                copy_dscp = no\n");
    }
    /* Were both to begin, there would be two SAs of each. */
    if (per_cpu) {
        ds_put_cstr(ds, "                start_action = trap\n");
    } else if (side == SIDE_A) {
        ds_put_cstr(ds, "                start_action = start\n"
                    "                dpd_action = restart\n"
                    "                close_action = start\n");
    }
    ds_put_cstr(ds, "            }\n        }\n    }\n");
}

/* Appends to 'ds' the connections of 'side' of 't', for which swanctl_check()
 * finds nothing, without secrets.  With 'per_cpu' there is one, whose SAs the
 * kernel chooses by CPU; without it, one for each tag. */
void
swanctl_format(const struct tunnel *t, enum tunnel_side side, bool per_cpu,
               struct ds *ds)
{
    ds_put_format(ds, "# Tunnel %s, side %s.  Made by tasuki-ipsec(8).\n",
                  t->name, tunnel_side_name(side));
    ds_put_cstr(ds, "connections {\n");
    for (size_t tag = 0; tag < (per_cpu ? 1 : t->n_tags); tag++) {
        put_connection(ds, t, side, tag, per_cpu);
    }
    ds_put_cstr(ds, "}\n");
}
