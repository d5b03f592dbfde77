/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_COMMANDS_H
#define TASUKI_IPSEC_COMMANDS_H 1

/* The commands of tasuki-ipsec, for its table of them.  Each ends the program
 * with a message if it fails. */

struct ovs_cmdl_context;

void cmd_down(struct ovs_cmdl_context *);
void cmd_genkey(struct ovs_cmdl_context *);
void cmd_listen(struct ovs_cmdl_context *);
void cmd_monitor(struct ovs_cmdl_context *);
void cmd_show(struct ovs_cmdl_context *);
void cmd_steer(struct ovs_cmdl_context *);
void cmd_strongswan(struct ovs_cmdl_context *);
void cmd_up(struct ovs_cmdl_context *);

#endif /* utilities/tasuki-ipsec/commands.h */
