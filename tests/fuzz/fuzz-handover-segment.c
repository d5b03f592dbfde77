/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for what is held of a connection: the input is a series of
 * frames, each after its length in two bytes.  What parses must come out the
 * same when it is put together again, and its payload must be held as if every
 * byte had come alone. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/protocol/tcp-hold.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 2048

/* Makes the checksums right if there is where to put them: a fuzzer does not
 * find them by itself. */
static void
fix_checksums(uint8_t *p, size_t len)
{
    if (len < 54 || p[12] != 0x08 || p[13] != 0x00) {
        return;
    }

    size_t ip_header_len = (p[14] & 0xf) * 4;
    size_t ip_len = p[16] << 8 | p[17];
    if (ip_header_len < 20 || ip_len < ip_header_len + 20
        || ip_len > len - 14) {
        return;
    }
    struct ip_header ip;
    ovs_be16 sum = 0;
    memcpy(p + 24, &sum, sizeof sum);
    sum = csum(p + 14, ip_header_len);
    memcpy(p + 24, &sum, sizeof sum);

    uint8_t *tcp = p + 14 + ip_header_len;
    memcpy(&ip, p + 14, sizeof ip);
    memset(tcp + 16, 0, 2);
    sum = csum_finish(csum_continue(packet_csum_pseudoheader(&ip), tcp,
                                    ip_len - ip_header_len));
    memcpy(tcp + 16, &sum, sizeof sum);
}

static void
check_round_trip(const struct tcp_segment *seg)
{
    struct dp_packet *packet = tcp_segment_compose(seg);
    struct tcp_segment again;
    uint8_t present = seg->opts.present;

    ovs_assert(tcp_segment_parse(packet, &again) == TCP_SEGMENT_OK);
    if (!(seg->flags & TCP_SYN)) {
        present &= TCP_OPT_TS;
    }
    ovs_assert(again.opts.present == present);
    ovs_assert(!(present & TCP_OPT_WSCALE)
               || again.opts.wscale == seg->opts.wscale);
    ovs_assert(!(present & TCP_OPT_TS)
               || (again.opts.tsval == seg->opts.tsval
                   && again.opts.tsecr == seg->opts.tsecr));
    ovs_assert(again.seq == seg->seq && again.flags == seg->flags);
    ovs_assert(again.window == seg->window && again.len == seg->len);
    ovs_assert(!memcmp(again.payload, seg->payload, seg->len));
    dp_packet_delete(packet);

    dp_packet_delete(tcp_segment_compose_frag_needed(seg, 576));
}

/* Every byte by itself. */
struct oracle {
    uint8_t data[LIMIT];
    bool known[LIMIT];
};

static void
check_hold(struct tcp_hold *hold, struct oracle *o,
           const struct tcp_segment *seg)
{
    enum tcp_hold_result result
        = tcp_hold_add(hold, seg->seq, seg->payload, seg->len,
                       seg->flags & TCP_FIN);

    if (result == TCP_HOLD_NEW) {
        uint32_t limit = MIN(hold->fin, LIMIT);

        for (size_t i = 0; i < seg->len; i++) {
            uint32_t ofs = seg->seq + i - hold->base;
            if (ofs < limit && !o->known[ofs]) {
                o->known[ofs] = true;
                o->data[ofs] = seg->payload[i];
            }
        }
    }

    uint32_t n = 0;
    while (n < LIMIT && o->known[n]) {
        n++;
    }
    ovs_assert(tcp_hold_contiguous(hold) == n);
    ovs_assert(!n || !memcmp(hold->data, o->data, n));
    ovs_assert(hold->n_ranges <= TCP_HOLD_MAX_RANGES);
    ovs_assert(hold->budget->used == hold->allocated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_hold_budget budget = { .max = 1 << 20 };
    struct oracle oracle = { .known = { false } };
    struct tcp_hold hold;

    tcp_hold_init(&hold, &budget, 0x01020304, LIMIT);
    while (size >= 2) {
        size_t len = (data[0] & 7) << 8 | data[1];

        data += 2;
        size -= 2;
        len = MIN(len, size);
        if (!len) {
            continue;
        }
        struct dp_packet *packet = dp_packet_clone_data(data, len);
        if (size % 4) {
            fix_checksums(dp_packet_data(packet), len);
        }
        data += len;
        size -= len;

        struct tcp_segment seg;
        if (tcp_segment_parse(packet, &seg) == TCP_SEGMENT_OK) {
            check_round_trip(&seg);
            check_hold(&hold, &oracle, &seg);
        }
        dp_packet_delete(packet);
    }
    tcp_hold_destroy(&hold);
    ovs_assert(!budget.used);
    return 0;
}
