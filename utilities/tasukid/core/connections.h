/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_CONNECTIONS_H
#define TASUKID_CONNECTIONS_H 1

/* The OpenFlow connections that column "connections" of table Tasuki asks for,
 * and those that switches make to us. */

#include <stdint.h>

struct simap;
struct tasukirec_tasuki;

/* Registers unixctl commands. */
void connections_init(void);

/* Gives the switches their rows of the present database, for ofswitch_row().  A
 * switch whose row is gone, or refused, keeps the one that it had, until
 * connections_configure() stops its applications. */
void connections_set_rows(void);

/* Opens and closes connections and listeners as 'cfg' says and configures the
 * switches behind them.  With a null 'cfg', closes all. */
void connections_configure(const struct tasukirec_tasuki *cfg);

void connections_run(void);
void connections_wait(void);

/* Returns a number that changes whenever connections_set_status() would say
 * something else. */
uint64_t connections_seqno(void);

/* Sets the status of the root row and of each Switch row in 'cfg'. */
void connections_set_status(const struct tasukirec_tasuki *cfg);

void connections_get_memory_usage(struct simap *);

#endif /* TASUKID_CONNECTIONS_H */
