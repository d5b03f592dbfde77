/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the packet transform of tcp_offset: every input is a
 * set of arguments and a packet, and must do what the model of the unit tests
 * says, byte by byte (tests/unit/tcp-model.h lists the invariants).
 *
 *     byte 0           bit 0: checksum left to offload
 *                      bits 1-2: what byte 20 starts, see below
 *     byte 1           arguments given, TCP_OFFSET_*
 *     byte 2           wscale
 *     byte 3           unused
 *     bytes 4-19       seq, ack, tsval, tsecr
 *     byte 20 on       a packet from its IP header on, a TCP segment that gets
 *                      an IPv4 or IPv6 header, or TCP options that get a TCP
 *                      header as well
 */

#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../unit/tcp-model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_LEN = 20, MAX_LEN = 512 };

static uint32_t
argument(const uint8_t *data, enum tcp_offset_field field, size_t ofs)
{
    uint32_t value;

    memcpy(&value, data + ofs, sizeof value);
    return data[1] & field ? value : 0;
}

/* Puts the headers for byte 0 into 'buf' and returns how long they are. */
static size_t
put_headers(uint8_t *buf, const uint8_t *data, size_t size)
{
    static const uint8_t ip4[20] = { 0x45, [9] = 6, [15] = 1, [19] = 2 };
    static const uint8_t ip6[40] = { 0x60, [6] = 6, [23] = 1, [39] = 2 };
    size_t n = 0;

    switch (data[0] >> 1 & 3) {
    case 0:
        return 0;

    case 1:
        memcpy(buf, ip4, sizeof ip4);
        return sizeof ip4;

    case 2:
        memcpy(buf, ip6, sizeof ip6);
        return sizeof ip6;

    default:
        memcpy(buf, ip4, sizeof ip4);
        n = sizeof ip4;
        memset(buf + n, 0, 20);
        buf[n + 12] = (5 + (size - HEAD_LEN) / 4 % 11) << 4;
        buf[n + 13] = 0x10;
        return n + 20;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t l3[60 + MAX_LEN];
    struct tcp_offset o;
    const char *error;
    size_t n;

    if (size < HEAD_LEN || size > MAX_LEN) {
        return 0;
    }
    memset(&o, 0, sizeof o);
    o.fields = data[1] & 0x1f;
    o.seq = argument(data, TCP_OFFSET_SEQ, 4);
    o.ack = argument(data, TCP_OFFSET_ACK, 8);
    o.tsval = argument(data, TCP_OFFSET_TSVAL, 12);
    o.tsecr = argument(data, TCP_OFFSET_TSECR, 16);
    if (o.fields & TCP_OFFSET_WSCALE) {
        o.wscale = data[2] % (2 * TCP_OFFSET_WSCALE_MAX + 1)
                   - TCP_OFFSET_WSCALE_MAX;
    }

    n = put_headers(l3, data, size);
    memcpy(l3 + n, data + HEAD_LEN, size - HEAD_LEN);
    n += size - HEAD_LEN;
    error = tcp_model_check(&o, l3, n, data[0] & 1);
    if (error) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    return 0;
}
