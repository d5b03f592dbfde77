/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_LIFE_H
#define TASUKID_HANDOVER_LIFE_H 1

/* The end of a connection, whatever its state, and of its entries. */

#include "conn.h"

struct ds;

/* End a connection: forget it, its handshake and its entries.  conn_finish()
 * is for a connection that ended in the ordinary way. */
void conn_destroy(struct conn *);
void conn_finish(struct conn *);

/* Ends a connection that has a handshake.  Resets every server that knows of
 * it, and the client if 'tell_client'. */
void conn_abort(struct conn *, bool tell_client);

/* End all connections of 'service'; forget all connections but leave their
 * entries alone. */
void conns_flush_service(struct service *);
void conns_forget(struct engine *);

/* The client or the server of a forwarded connection is at another MAC address
 * or port now: adapts its entries. */
void conn_relocate(struct conn *);

/* Removes the entries of a connection and goes on without. */
void conn_uninstall(struct conn *);

/* Formats one line about 'conn'. */
void conn_format(const struct conn *, struct ds *);

#endif /* life.h */
