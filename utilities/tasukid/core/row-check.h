/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_ROW_CHECK_H
#define TASUKID_ROW_CHECK_H 1

/* Does a row of the database make sense?
 *
 * tasuki-ctl refuses to write a row that makes no sense.  tasukid refuses to
 * use it, since other programs write rows, too.  Both check with these
 * functions.  What the types in the schema say already is not checked again.
 *
 * Each function returns null if the row is good.  Otherwise it returns the
 * reason why it is not, which the caller must free: one line that begins with
 * the name of the column.
 *
 * An application checks its own rows itself, with these functions. */

#include "openvswitch/types.h"

struct tasukirec_switch;
struct tasukirec_tasuki;

char *row_check_connection(const char *target);
char *row_check_switch(const struct tasukirec_tasuki *,
                       const struct tasukirec_switch *);

/* Checks a name that the user chose for a row. */
char *row_check_name(const char *name);

/* Parses 's' as a unicast IPv4 address. */
char *row_check_ipv4(const char *column, const char *s, ovs_be32 *);

/* Parses 's' as a unicast Ethernet address. */
char *row_check_mac(const char *column, const char *s, struct eth_addr *);

#endif /* TASUKID_ROW_CHECK_H */
