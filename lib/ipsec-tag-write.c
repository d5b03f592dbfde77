/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "ipsec-tag-inline.h"

/* Where the checksum is in a transport header (RFC 9293, RFC 768, RFC 3828,
 * RFC 4340, RFC 4443). */
enum {
    CSUM_TCP = 16,
    CSUM_UDP = 6,
    CSUM_UDPLITE = 6,
    CSUM_DCCP = 6,
    CSUM_ICMP6 = 2,
};

/* Offset in the IP header and length of 'field'. */
static void
find_field(unsigned int field, size_t *ofs, size_t *len)
{
    *ofs = 0;
    *len = 4;
    switch (field) {
    case IPSEC_TAG_IP_SRC:
        *ofs = IP4_SRC;
        break;

    case IPSEC_TAG_IP_DST:
        *ofs = IP4_DST;
        break;

    case IPSEC_TAG_IPV6_SRC:
        *ofs = IP6_SRC;
        *len = 16;
        break;

    case IPSEC_TAG_IPV6_DST:
        *ofs = IP6_DST;
        *len = 16;
        break;
    }
}

static bool
is_ip4_field(unsigned int field)
{
    return field == IPSEC_TAG_IP_SRC || field == IPSEC_TAG_IP_DST;
}

/* Reads the header that has the field.  Returns false if the packet at 'l3'
 * does not have it. */
static inline bool
read_field(const struct ipsec_tag *t, const uint8_t *l3, size_t len,
           struct ip_part *ip, bool *cut)
{
    len = len < IPSEC_TAG_READ_MAX ? len : IPSEC_TAG_READ_MAX;
    return (is_ip4_field(t->field) ? ip_read4(ip, l3, len, cut)
            : ip_read6(ip, l3, len, cut));
}

/* Returns the place of the transport checksum that covers the field, or NULL
 * if there is none. */
static const uint8_t *
find_csum(const struct ipsec_tag *t, const struct ip_part *ip, bool *cut)
{
    size_t ofs;

    switch (ip->proto) {
    case PROTO_TCP:
        ofs = CSUM_TCP;
        break;

    case PROTO_UDP:
        ofs = CSUM_UDP;
        break;

    case PROTO_UDPLITE:
        ofs = CSUM_UDPLITE;
        break;

    case PROTO_DCCP:
        ofs = CSUM_DCCP;
        break;

    case PROTO_ICMP6:
        if (ip->version != 6) {
            return NULL;
        }
        ofs = CSUM_ICMP6;
        break;

    default:
        return NULL;
    }

    /* The label is in no checksum.  And as long as a packet is routed by its
     * sender, the destination in its pseudo header is the last one. */
    if (t->field == IPSEC_TAG_IPV6_LABEL || ip->later
        || (t->field == IPSEC_TAG_IPV6_DST && ip->routed)) {
        return NULL;
    }
    return ip_lacks(ip->l4_len, ofs + 2, cut) ? NULL : ip->l4 + ofs;
}

size_t
ipsec_tag_span(const struct ipsec_tag *t, const uint8_t *l3, size_t len,
               bool *cut)
{
    const uint8_t *csum;
    struct ip_part ip;

    *cut = false;
    if (!read_field(t, l3, len, &ip, cut)) {
        return 0;
    }
    csum = find_csum(t, &ip, cut);
    return (csum ? (size_t) (csum + 2 - l3)
            : ip.version == 4 ? IP4_MIN_LEN : IP6_LEN);
}

/* Writes 'value' to the bits at 'p' that 'mask' has and returns what that adds
 * to the Internet checksum's sum, if 'p' is at an even offset.  Modulo 65535 a
 * 32-bit number equals the sum of its halves, and its complement is its
 * negative. */
static inline uint64_t
write32(uint8_t *p, uint32_t mask, uint32_t value)
{
    uint32_t old = get32(p);
    uint32_t new = (old & ~mask) | value;

    if (old == new) {
        return 0;
    }
    put32(p, new);
    return (uint64_t) new + (uint32_t) ~old;
}

/* Writes 'tag' to the subfield of the 'len' bytes at 'p', a multiple of 4.
 * Returns what that adds to the sum. */
static uint64_t
write_bits(const struct ipsec_tag *t, unsigned int tag, uint8_t *p, size_t len)
{
    uint64_t delta = 0;
    unsigned int i;

    /* From the low end on, 32 bits at a time. */
    for (i = 0; i < len * 8; i += 32) {
        unsigned int begin = t->ofs > i ? t->ofs - i : 0;
        unsigned int end = t->ofs + t->n_bits;
        uint64_t mask, value;

        if (begin >= 32 || end <= i) {
            continue;
        }
        end = end - i < 32 ? end - i : 32;
        mask = ((uint64_t) 1 << end) - ((uint64_t) 1 << begin);
        value = (t->ofs >= i ? (uint64_t) tag << (t->ofs - i)
                 : i - t->ofs < 32 ? tag >> (i - t->ofs) : 0);
        delta += write32(p + len - 4 - i / 8, mask, value & mask);
    }
    return delta;
}

/* Adds 'delta' to the sum that is at 'p' itself. */
static void
update_partial(uint8_t *p, uint64_t delta)
{
    uint64_t sum = delta + get16(p);

    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffU) + (sum >> 16);
    sum = (sum & 0xffffU) + (sum >> 16);
    put16(p, (uint16_t) sum);
}

bool
ipsec_tag_write(const struct ipsec_tag *t, unsigned int tag, uint8_t *l3,
                size_t len, size_t partial_ofs)
{
    size_t field_ofs, field_len;
    struct ip_part ip;
    uint8_t *csum;
    uint64_t delta;
    bool cut = false;

    if (!read_field(t, l3, len, &ip, &cut)) {
        return false;
    }
    find_field(t->field, &field_ofs, &field_len);
    csum = (uint8_t *) find_csum(t, &ip, &cut);
    delta = write_bits(t, tag, l3 + field_ofs, field_len);
    if (!delta) {
        return true;
    }

    if (ip.version == 4) {
        update_csum(l3 + IP4_CSUM, delta);
    }
    if (!csum) {
        return true;
    }
    if ((size_t) (ip.l4 - l3) == partial_ofs) {
        update_partial(csum, delta);
        return true;
    }

    /* UDP without checksum has 0 there, and 0 is written as 0xffff. */
    if (ip.proto == PROTO_UDP && !get16(csum)) {
        return true;
    }
    update_csum(csum, delta);
    if (ip.proto == PROTO_UDP && !get16(csum)) {
        put16(csum, 0xffff);
    }
    return true;
}
