/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for ipsec_tag on packets: nothing is read or written outside
 * of them, what is cut off says so, and what was written is as long as was
 * announced and can be undone.
 *
 *     byte 0           hash
 *     byte 1           the field that is written
 *     bytes 2-3        the subfield
 *     bytes 4-5        type of Ethernet
 *     byte 6           the tag
 *     byte 7 on        a packet from its network header on
 */

#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "ipsec-tag-inline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_LEN = 7 };

static void
must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The hash of a part of the packet is that of all, or the part is too short. */
static void
check_hash(const struct ipsec_tag *t, uint16_t type, const uint8_t *l3,
           size_t len)
{
    bool cut, part_cut;
    uint32_t hash = ipsec_tag_hash(t, type, l3, len, &cut);

    for (size_t n = 0; n < len; n += 1 + n / 8) {
        uint8_t *part = malloc(n ? n : 1);

        memcpy(part, l3, n);
        must(ipsec_tag_hash(t, type, part, n, &part_cut) == hash
             || part_cut);
        free(part);
    }
    must(ipsec_tag_bucket(t, hash) < t->n);
}

static void
check_write(const struct ipsec_tag *t, unsigned int tag, uint8_t *l3,
            size_t len)
{
    bool cut;
    size_t span = ipsec_tag_span(t, l3, len, &cut);
    uint8_t *old = malloc(len ? len : 1);

    must(span <= len);
    memcpy(old, l3, len);
    must(ipsec_tag_write(t, tag, l3, len, SIZE_MAX) == (span > 0));
    must(!memcmp(l3 + span, old + span, len - span));

    /* Once more changes nothing. */
    memcpy(old, l3, len);
    ipsec_tag_write(t, tag, l3, len, SIZE_MAX);
    must(!memcmp(l3, old, len));
    free(old);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ipsec_tag t = { .n = 1 };
    uint8_t *l3;
    size_t len;

    if (size < HEAD_LEN) {
        return 0;
    }
    len = size - HEAD_LEN;
    l3 = malloc(len ? len : 1);
    memcpy(l3, data + HEAD_LEN, len);

    t.hash = data[0] % IPSEC_TAG_CPU;
    t.field = data[1] % IPSEC_TAG_N_FIELDS;
    t.ofs = data[2];
    t.n_bits = data[3];
    t.n = 1 + data[6];
    if (!ipsec_tag_check(&t, ipsec_tag_len(&t))) {
        check_hash(&t, get16(data + 4), l3, len);
        if (t.field >= IPSEC_TAG_IP_SRC) {
            check_write(&t, data[6], l3, len);
        }
    }
    free(l3);
    return 0;
}
