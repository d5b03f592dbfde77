/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for putting fragments together: whatever fragments come, in
 * whatever order, packets that result consist of what was sent for them.
 *
 * Each 6 bytes of input are a fragment:
 *
 *     byte 0         bits 0-1: packet; bit 2: more fragments; bits 4-7: length
 *                    of the IP header
 *     byte 1         time since the last one, in units of 256 ms
 *     bytes 2-3      offset in units of 8 bytes, 13 bits
 *     bytes 4-5      length */

#include <config.h>
#include <stdlib.h>
#include "../unit/fragment.h"
#include "packets.h"
#include "tasuki-defrag.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static long long int now = 1000000;
    static uint16_t base;

    for (; size >= 6; data += 6, size -= 6) {
        unsigned int ihl = MAX(data[0] >> 4, 5);
        size_t ofs = (data[2] << 8 | data[3]) % 8192 * 8;
        size_t len = MIN(data[4] << 8 | data[5], UINT16_MAX - ihl * 4);
        struct dp_packet *packet = fragment_create(
            base + (data[0] & 3), ihl, ofs, len, data[0] & 4);
        struct dp_packet_batch batch;

        now += data[1] * 256;
        dp_packet_batch_init_packet(&batch, packet);
        if (!tasuki_defrag(&batch, htons(ETH_TYPE_IP), TASUKI_DEFRAG_ZONE,
                           now, 0)) {
            abort();
        }
        DP_PACKET_BATCH_FOR_EACH (i, packet, &batch) {
            if (!fragment_is_whole(packet, &len)) {
                abort();
            }
        }
        dp_packet_delete_batch(&batch, true);
    }
    base += 4;
    return 0;
}
