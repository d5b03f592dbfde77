/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef NL_EXTACK_H
#define NL_EXTACK_H 1

/* What the kernel said about the last Netlink request of this thread.
 *
 * Thread-safety: each thread has its own. */

struct ds;

/* Hook for lib/netlink-socket.c: a reply has come, with 'message' in its
 * extended acknowledgment, or NULL if it has none. */
void nl_extack_set(const char *message);

/* Hook for lib/dpctl.c: if there is a message, appends ": " and the message to
 * 's', and forgets it. */
void nl_extack_format(struct ds *s);

#endif /* NL_EXTACK_H */
