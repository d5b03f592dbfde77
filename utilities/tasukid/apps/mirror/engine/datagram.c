/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "datagram.h"

#include "entries.h"
#include "life.h"
#include "skip.h"
#include "util.h"

/* Ethernet, IP and UDP. */
enum { HEADERS_IPV4 = 14 + 20 + 8, HEADERS_IPV6 = 14 + 40 + 8 };

/* Who has got enough of 'dir'.  Sets '*done' if nobody else ever will. */
static uint32_t
skippers(const struct mirror_conn *c, enum mirror_dir dir, bool *done)
{
    uint32_t policies = c->policies[dir] & c->engine->policies;
    uint32_t enough = 0;

    *done = true;
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        uint32_t max = c->engine->wants[i].keep_packets;

        if (policies & 1u << i) {
            if (c->counts[dir].n_packets >= max) {
                enough |= 1u << i;
            } else if (max != UINT32_MAX) {
                *done = false;
            }
        }
    }
    return enough;
}

void
datagram_packet(struct mirror_engine *e, struct mirror_conn *c,
                const struct mirror_packet *p, struct mirror_verdict *v)
{
    enum mirror_dir dir;
    bool done;
    uint32_t enough;

    if (!c) {
        c = life_begin(e, p->zone, p->nw_proto, &p->src, &p->dst);
        c->protocol = PROTOCOL_UDP;
    }
    dir = (mirror_end_equals(&c->key.client, &p->src) ? MIRROR_TO_SERVER
           : MIRROR_TO_CLIENT);
    c->policies[dir] = p->policies;
    v->copies = p->policies & ~skippers(c, dir, &done);
    entries_seen(c, dir, p);
    mirror_conn_used(c, c->fresh && dir == MIRROR_TO_SERVER);

    enough = skippers(c, dir, &done);
    if (enough && done) {
        entries_set(c, dir, &(struct mirror_entry) {
            .mode = MIRROR_PASS,
            .policies = c->policies[dir] & e->policies & ~enough,
            .idle_timeout = ENTRY_IDLE_TIMEOUT_UDP,
        });
    }
}

void
datagram_passed(struct mirror_conn *c, enum mirror_dir dir,
                uint64_t n_packets, uint64_t n_bytes)
{
    uint64_t headers = n_packets * (IN6_IS_ADDR_V4MAPPED(&c->key.client.addr)
                                    ? HEADERS_IPV4 : HEADERS_IPV6);
    struct skip skip = {
        .policies = (c->policies[dir] & c->engine->policies
                     & ~c->entries[dir].policies),
        .protocol = protocol_name(c->protocol),
        .reason = "UDP after its first packets",
    };

    if (c->entries[dir].mode == MIRROR_PASS && skip.policies
        && n_bytes > headers) {
        skip_tell(c, dir, &skip, c->counts[dir].n_bytes, n_bytes - headers, 0);
    }
}
