/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_RECONCILE_H
#define TASUKID_RECONCILE_H 1

/* What there is to do when a row changes: from the database to the
 * applications and the switches, and back to the status columns. */

/* 'remote' is where the database is, in a form for ovsdb_idl_create(). */
void reconcile_init(const char *remote);
void reconcile_run(void);
void reconcile_wait(void);

#endif /* TASUKID_RECONCILE_H */
