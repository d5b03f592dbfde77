/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_LIFE_H
#define TASUKID_MIRROR_LIFE_H 1

/* The beginning and the end of connections.
 *
 * Who knows its addresses can make up a FIN or a RST, and while the switch
 * passes the connection alone, its sequence number is known only roughly.  So
 * what looks like the end changes nothing at first.  LIFE_ENDING_MS later the
 * entries are taken back for as long, and if anything comes, it was not the
 * end. */

#include "conn.h"

#define LIFE_ENDING_MS 2000

/* Without a packet, a connection is forgotten after that time: if one side is
 * all that was seen, and if not. */
#define LIFE_FRESH_MS (30 * 1000)
#define LIFE_IDLE_MS (15 * 60 * 1000)

/* A new connection.  If there are too many, another one ends. */
struct mirror_conn *life_begin(struct mirror_engine *, uint32_t zone,
                               uint8_t nw_proto,
                               const struct mirror_end *client,
                               const struct mirror_end *server);

/* Ends it: reports what was skipped, takes the entries back, frees it. */
void life_end(struct mirror_conn *);

/* It seems to have ended; it goes on. */
void life_ending(struct mirror_conn *);
void life_goes_on(struct mirror_conn *);

/* Its timer has run out. */
void life_timeout(struct mirror_conn *);

/* Forgets the connections that are idle, and returns when to do so again, or
 * LLONG_MAX. */
long long int life_run(struct mirror_engine *);

#endif /* life.h */
