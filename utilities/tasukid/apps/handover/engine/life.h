/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_LIFE_H
#define TASUKID_HANDOVER_LIFE_H 1

/* The end of a connection, whatever its state, and of its entries. */

#include "conn.h"

struct ds;

/* Ends a connection: forgets it, its handshake, its entries.  conn_finish() is
 * for the one whose end is like any other's. */
void conn_destroy(struct conn *);
void conn_finish(struct conn *);

/* Ends a connection with a handshake, with a reset to every server that knows
 * of it, and to the client if it 'tell_client'. */
void conn_abort(struct conn *, bool tell_client);

/* Ends all connections of 'service'; forgets all there are and leaves their
 * entries alone. */
void conns_flush_service(struct service *);
void conns_forget(struct engine *);

/* The client or the server of a connection that is forwarded is at another MAC
 * address or port: moves its entries there. */
void conn_relocate(struct conn *);

/* Removes the entries of a connection and goes on without. */
void conn_uninstall(struct conn *);

/* Formats one line about 'conn'. */
void conn_format(const struct conn *, struct ds *);

#endif /* life.h */
