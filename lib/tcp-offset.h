/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TCP_OFFSET_H
#define TCP_OFFSET_H 1
/* PLACEHOLDER until the arithmetic lands: the types below are final. */

enum tcp_offset_field {
    TCP_OFFSET_SEQ = 1 << 0,
    TCP_OFFSET_ACK = 1 << 1,
    TCP_OFFSET_TSVAL = 1 << 2,
    TCP_OFFSET_TSECR = 1 << 3,
    TCP_OFFSET_WSCALE = 1 << 4,
};

struct tcp_offset {
    uint32_t seq;
    uint32_t ack;
    uint32_t tsval;
    uint32_t tsecr;
    uint8_t fields;
    int8_t wscale;
    uint8_t pad[2];
};
#endif
