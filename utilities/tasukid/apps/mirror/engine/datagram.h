/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_DATAGRAM_H
#define TASUKID_MIRROR_DATAGRAM_H 1

/* UDP, and so QUIC: the first packets of each direction are copied. */

#include "conn.h"

/* Judges a datagram.  'c' is its connection, if any. */
void datagram_packet(struct mirror_engine *, struct mirror_conn *c,
                     const struct mirror_packet *, struct mirror_verdict *);

/* So much has passed by the entry of 'dir', since it was set. */
void datagram_passed(struct mirror_conn *, enum mirror_dir,
                     uint64_t n_packets, uint64_t n_bytes);


#endif /* datagram.h */
