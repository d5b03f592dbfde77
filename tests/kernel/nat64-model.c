/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* What becomes of a frame that is all there, in one piece, by the functions
 * that both datapaths share: for the tests of the kernel module. */

#include <stdlib.h>
#include <string.h>

#include "nat64.h"

/* Appends a frame of two parts to what is at '*out'. */
static void
put(uint8_t **out, const void *a, size_t a_len, const void *b, size_t b_len)
{
    uint32_t len = (uint32_t) (a_len + b_len);

    memcpy(*out, &len, sizeof len);
    memcpy(*out + sizeof len, a, a_len);
    memcpy(*out + sizeof len + a_len, b, b_len);
    *out += sizeof len + len;
}

static void
put_fragments(uint8_t **out, const struct nat64_head *head,
              const uint8_t *packet, size_t packet_len)
{
    size_t start = head->l3_ofs + (head->eth_type == 0x86dd ? 48 : 20);
    size_t ofs = 0;
    bool more;

    do {
        uint8_t header[NAT64_FRAG_HEAD_MAX];
        size_t from = ofs, header_len, take;

        more = nat64_fragment(head, packet_len - start, &ofs, header,
                              &header_len, &take);
        put(out, header, header_len, packet + start + from, take);
    } while (more);
}

/* Translates 'frame' and writes what comes out to 'out', each frame behind its
 * length in 32 bits, and to '*out_len' how much that is.  Returns the name of
 * the result.  With NAT64_TOO_BIG what comes out is the answer. */
const char *
nat64_model(const struct nat64 *n, const uint8_t *frame, size_t len,
            size_t l3_ofs, bool csum_partial, uint8_t *out, size_t *out_len)
{
    struct nat64_frame f = {
        .data = frame,
        .linear = len,
        .len = len,
        .l3_ofs = (uint16_t) l3_ofs,
        .csum_partial = csum_partial,
    };
    uint8_t *start = out, *packet;
    struct nat64_head head;
    enum nat64_result result;
    size_t packet_len;

    result = nat64_translate(n, &f, &head);
    if (result == NAT64_OK || result == NAT64_FRAGMENT) {
        packet_len = head.len + head.keep;
        packet = malloc(packet_len);
        memcpy(packet, head.bytes, head.len);
        memcpy(packet + head.len, frame + head.strip, head.keep);
        if (result == NAT64_OK) {
            put(&out, packet, packet_len, NULL, 0);
        } else {
            put_fragments(&out, &head, packet, packet_len);
        }
        free(packet);
    } else if (result == NAT64_TOO_BIG) {
        uint8_t answer[NAT64_HEAD_MAX];
        size_t answer_len = nat64_too_big(&f, head.mtu, answer);

        if (answer_len) {
            put(&out, answer, answer_len, NULL, 0);
        }
    }
    *out_len = (size_t) (out - start);
    return nat64_result_name(result);
}
