/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-defrag.h"

#include "coverage.h"
#include "dp-packet.h"
#include "ipf.h"
#include "ovs-thread.h"
#include "packets.h"

COVERAGE_DEFINE(tasuki_defrag_fragment);    /* That came. */
COVERAGE_DEFINE(tasuki_defrag_whole);       /* Packets made of them. */
COVERAGE_DEFINE(tasuki_defrag_drop);        /* Fragments left out. */
COVERAGE_DEFINE(tasuki_defrag_expired);     /* Of packets never complete. */

/* Fragments to keep, of all packets together.  Above that the oldest packet
 * goes.  So a flood of fragments that never become packets does not keep
 * others from being put together, if they come close to each other. */
#define MAX_FRAGMENTS 1000

/* The least length, in bytes with IP header, that ipf accepts for a fragment
 * that is not the last. */
#define MIN_FRAGMENT_LEN 400

/* Longer than ipf keeps anything, in ms. */
#define FOREVER (60 * 60 * 1000)

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ipf *ipf OVS_GUARDED_BY(mutex);
static uint64_t n_expired OVS_GUARDED_BY(mutex);

static bool
is_fragment(const struct dp_packet *packet)
{
    const struct ip_header *ip = dp_packet_l3(packet);

    return ip && IP_IS_FRAGMENT(ip->ip_frag_off);
}

static size_t
n_fragments(const struct dp_packet_batch *batch)
{
    struct dp_packet *packet;
    size_t n = 0;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        n += is_fragment(packet);
    }
    return n;
}

/* Returns how many fragments ipf keeps, and counts those that it has given
 * up. */
static unsigned int
count_fragments(void)
    OVS_REQUIRES(mutex)
{
    struct ipf_status status;

    ipf_get_status(ipf, &status);

    uint64_t total = status.v4.nfrag_expired_sent + status.v4.nfrag_purged;
    COVERAGE_ADD(tasuki_defrag_expired, total - n_expired);
    n_expired = total;
    return status.nfrag;
}

/* Makes room for 'n' fragments.  While ipf is full it would refuse new ones,
 * and it keeps what it has for 15 seconds. */
static void
make_room(size_t n, ovs_be16 dl_type, long long int now)
    OVS_REQUIRES(mutex)
{
    unsigned int n_kept = count_fragments();

    while (n_kept + n > MAX_FRAGMENTS) {
        unsigned int before = n_kept;
        struct dp_packet_batch none;

        /* Deletes the fragments of one packet, the oldest. */
        dp_packet_batch_init(&none);
        ipf_postprocess_conntrack(ipf, &none, now + FOREVER, dl_type);
        dp_packet_delete_batch(&none, true);
        n_kept = count_fragments();
        if (n_kept == before) {
            break;
        }
    }
}

/* Moves packets of 'batch' that are no fragments to 'whole', and deletes the
 * others: ipf has added the fragments of the packets in 'whole' to the
 * batch. */
static void
take_whole(struct dp_packet_batch *batch, struct dp_packet_batch *whole,
           ovs_be16 dl_type, long long int now)
    OVS_REQUIRES(mutex)
{
    struct dp_packet *packet;
    bool more;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (is_fragment(packet)) {
            COVERAGE_INC(tasuki_defrag_drop);
        } else {
            /* ipf copies to the fragments what conntrack would have noted,
             * which is not there otherwise. */
            packet->md.ct_orig_tuple_ipv6 = false;
            dp_packet_batch_add(whole, dp_packet_clone(packet));
        }
    }
    do {
        ipf_postprocess_conntrack(ipf, batch, now, dl_type);
        more = dp_packet_batch_is_full(batch);
        dp_packet_delete_batch(batch, true);
        dp_packet_batch_init(batch);
    } while (more);
}

bool
tasuki_defrag(struct dp_packet_batch *batch, ovs_be16 dl_type, uint16_t zone,
              long long int now, uint32_t hash_basis)
{
    if (OVS_LIKELY(zone != TASUKI_DEFRAG_ZONE)
        || dl_type != htons(ETH_TYPE_IP)) {
        return false;
    }

    size_t n = n_fragments(batch);
    if (!n) {
        return true;
    }
    COVERAGE_ADD(tasuki_defrag_fragment, n);

    size_t n_others = dp_packet_batch_size(batch) - n;
    struct dp_packet_batch whole;

    dp_packet_batch_init(&whole);
    whole.trunc = batch->trunc;

    ovs_mutex_lock(&mutex);
    if (!ipf) {
        ipf = ipf_init();
        ipf_set_min_frag(ipf, false, MIN_FRAGMENT_LEN);
        ipf_set_max_nfrags(ipf, MAX_FRAGMENTS);
    }
    make_room(n, dl_type, now);
    ipf_preprocess_conntrack(ipf, batch, now, dl_type, zone, hash_basis);
    take_whole(batch, &whole, dl_type, now);
    count_fragments();
    ovs_mutex_unlock(&mutex);

    COVERAGE_ADD(tasuki_defrag_whole, dp_packet_batch_size(&whole) - n_others);
    *batch = whole;
    return true;
}
