/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for check_tcp_seq on packets: what it says of a packet is
 * what its parts say of the segment that tcp_offset finds in there.
 *
 *     byte 0           bit 0: ack
 *     bytes 1-8        start, len
 *     byte 9 on        a packet from its IP header on
 */

#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "check-tcp-seq-inline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_LEN = 9 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_tcp_seq c = { .number = 0 };
    enum check_tcp_verdict v;
    size_t len, ofs, avail;
    uint8_t *l3;
    bool more;

    if (size < HEAD_LEN) {
        return 0;
    }
    c.number = data[0] & 1;
    c.start = get32(data + 1);
    c.len = get32(data + 5);
    if (check_tcp_seq_check(&c)) {
        return 0;
    }

    len = size - HEAD_LEN;
    l3 = malloc(len ? len : 1);
    memcpy(l3, data + HEAD_LEN, len);
    v = check_tcp_packet(&c, l3, len);
    if (v != CHECK_TCP_OUTSIDE) {
        if (tcp_offset_locate(l3, len, &ofs, &avail, &more) != TCP_OFFSET_OK
            || more || check_tcp_segment(&c, l3 + ofs, avail) != v) {
            abort();
        }

        /* The window moved away from the segment, it is outside. */
        c.start += c.len + avail;
        if (c.len < 1U << 30 && check_tcp_packet(&c, l3, len) == v
            && v == CHECK_TCP_INSIDE) {
            abort();
        }
    }
    free(l3);
    return 0;
}
