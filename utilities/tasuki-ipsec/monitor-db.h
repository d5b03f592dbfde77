/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_MONITOR_DB_H
#define TASUKI_IPSEC_MONITOR_DB_H 1

/* The load of a tunnel's tags in tasukid's database: column "load" of the row
 * of table Ipsec_Group that has the tunnel's name. */

struct load;
struct monitor_db;

/* 'remote' is a database server, such as "unix:/run/openvswitch/db.sock". */
struct monitor_db *monitor_db_open(const char *remote);
void monitor_db_close(struct monitor_db *);

/* Puts what the outbound SAs of 'new' have done since 'old' into the database,
 * once it can be written.  Logs that there is no such row. */
void monitor_db_put(struct monitor_db *, const char *tunnel,
                    const struct load *old, const struct load *new);

void monitor_db_run(struct monitor_db *);
void monitor_db_wait(struct monitor_db *);

#endif /* TASUKI_IPSEC_MONITOR_DB_H */
