/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_CTL_TASUKI_CTL_H
#define TASUKID_CTL_TASUKI_CTL_H 1

/* The commands of tasuki-ctl.
 *
 *     tasuki-ctl.c   options, connection to the database, transaction
 *     switches.c     commands on connections and switches
 *     services.c     commands on services, servers and rules
 *     tenants.c      commands on tenants
 *     mirrors.c      commands on mirrors
 *     ipsec.c        commands on groups of IPsec SAs
 *     show.c         "show"
 *     args.c         what the commands share
 *
 * A command sets an error with ctl_error(): one line that names the argument
 * and its range.  Then nothing of the transaction is committed. */

#include "db-ctl-base.h"

struct ovsdb_idl_column;
struct ovsdb_idl_row;
struct tasukirec_switch;

/* Terminated by a command without a name. */
extern const struct ctl_command_syntax tasuki_ctl_switch_commands[];
extern const struct ctl_command_syntax tasuki_ctl_service_commands[];
extern const struct ctl_command_syntax tasuki_ctl_tenant_commands[];
extern const struct ctl_command_syntax tasuki_ctl_mirror_commands[];
extern const struct ctl_command_syntax tasuki_ctl_ipsec_commands[];

/* Where the database is, set before any command runs. */
extern const char *tasuki_ctl_db;

/* Makes all of the database available to a command. */
void tasuki_ctl_pre_all(struct ctl_context *);

/* The "run" function of "show". */
void tasuki_ctl_show(struct ctl_context *);

/* Append a line about each tenant, mirror, or group of IPsec SAs, of 'sw', by
 * name, to 'out'. */
void tasuki_ctl_show_tenants(const struct tasukirec_switch *sw, int indent,
                             struct ds *out);
void tasuki_ctl_show_mirrors(const struct tasukirec_switch *sw, int indent,
                             struct ds *out);
void tasuki_ctl_show_ipsec_groups(const struct tasukirec_switch *sw,
                                  int indent, struct ds *out);

/* Returns the switch that 'name', a datapath id or a bridge, refers to.  Or
 * sets an error and returns null. */
const struct tasukirec_switch *ctl_find_switch(struct ctl_context *,
                                               const char *name);

/* Returns the root row, which always exists when a command runs. */
const struct tasukirec_tasuki *ctl_root(const struct ctl_context *);

/* Returns true if nothing is to be written. */
bool ctl_is_dry_run(void);

bool ctl_has_option(const struct ctl_context *, const char *option);

/* Returns true if 'error' is null.  Otherwise makes it the command's error and
 * frees it. */
bool ctl_check(struct ctl_context *, char *error);

/* Adds 'member' to, or removes it from, the references in 'column' of
 * 'row'. */
void ctl_change_refs(const struct ovsdb_idl_row *row,
                     const struct ovsdb_idl_column *column,
                     const struct ovsdb_idl_row *member, bool add);

/* Returns null, or an error if 'column' may not hold 'value'. */
char *ctl_check_enum(const struct ovsdb_idl_column *, const char *value);

/* Writes 'value' to 'column', which holds at most one string or integer.
 * Returns null, or an error. */
char *ctl_set_scalar(const struct ovsdb_idl_row *,
                     const struct ovsdb_idl_column *, const char *value);

/* An argument of the form KEY=VALUE. */
struct ctl_arg {
    char *key;                  /* With '_' for '-'. */
    const char *value;
};

/* Sets '*value' from a "yes" or "no", or sets an error and returns false. */
bool ctl_parse_bool(struct ctl_context *, const struct ctl_arg *, bool *value);

/* Returns true if it accepts 'arg', or has set an error. */
typedef bool ctl_other_arg_func(struct ctl_context *, const struct ctl_arg *,
                                void *aux);

/* Sets columns of 'row' from the arguments from 'first' on.  Each argument
 * must name one of the 'n' in 'columns', or be accepted by 'other' unless that
 * is null.  Returns true if successful. */
bool ctl_set_columns(struct ctl_context *, int first,
                     const struct ovsdb_idl_row *row,
                     const struct ovsdb_idl_column *const columns[], size_t n,
                     ctl_other_arg_func *other, void *aux);

#endif /* TASUKID_CTL_TASUKI_CTL_H */
