/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PIPELINE_H
#define TASUKID_PIPELINE_H 1

/* The pipeline that all applications share on one bridge.
 *
 * This is the only place that decides table numbers, cookie ids and the use of
 * registers.  A packet enters at PIPE_CLASSIFY, passes the stages and leaves
 * at PIPE_OUTPUT.  Each stage leaves the packet alone, or decides something
 * about it and notes the decision in a register.  A stage whose application
 * does not run on the switch passes everything on.
 *
 * The port decides whose packet it is, in PIPE_ZONE.  Nobody may answer the
 * packet or learn from it before: PIPE_CLASSIFY is the core's alone, and
 * PIPE_MIRROR_IN only looks.
 *
 * In the first table of a stage, priority 0 and those from PIPE_PRIO_CORE on
 * are the core's.  Priority 0 passes on packets that no flow matched.  The
 * others are for packets that need no decision any more. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-port.h"

struct app_class;
struct ofpbuf;
struct ofswitch;

/* Where stages begin.  There is room for others in between. */
enum pipeline_table {
    PIPE_CLASSIFY = 0,      /* Where packets enter. */
    PIPE_MIRROR_IN = 1,     /* Copies, before packets are translated. */
    PIPE_ZONE = 10,         /* Whose packet is it? */
    PIPE_MIRROR_FRONT = 16, /* Copies, before packets to services change. */
    PIPE_SERVICE = 20,      /* Addresses that are services. */
    PIPE_MIRROR = 30,       /* Copies. */
    PIPE_FORWARD = 40,      /* Where to. */
    PIPE_OUTPUT = 50,       /* Go there. */
    PIPE_N_TABLES = 60,
};

#define PIPE_PRIO_CORE (UINT16_MAX - 1)

/* A part of the pipeline that is an application's. */
struct app_stage {
    /* Its first table, and how many it has.  An application that is not part
     * of Tasuki has 0 in 'table' and gets the first tables after 'after' that
     * are free. */
    uint8_t table;
    uint8_t n_tables;
    uint8_t after;          /* PIPE_ZONE or PIPE_MIRROR.  Packets go to
                             * PIPE_MIRROR when PIPE_SERVICE has decided, and
                             * leave when PIPE_FORWARD has. */

    /* Does the stage see packets whose egress is decided already?  A stage
     * that looks at packets has to, one that decides need not.  An application
     * with such a stage gets packets from all ports, those that others own,
     * too. */
    bool taps;

    /* Are packets that no flow in its first table matches dropped? */
    bool closed;
};

/* Most stages of one application. */
enum { APP_MAX_STAGES = 4 };

/* The top byte of a flow's cookie says which application the flow belongs to.
 * Every application has its own.  It may use the other 56 bits as it likes. */
#define PIPE_APP_CORE 0x54
#define PIPE_COOKIE_SHIFT 56
#define PIPE_COOKIE(APP, REST) \
    (((uint64_t) (APP) << PIPE_COOKIE_SHIFT) | (REST))
#define PIPE_COOKIE_APP(COOKIE) ((uint8_t) ((COOKIE) >> PIPE_COOKIE_SHIFT))
#define PIPE_COOKIE_MASK (UINT64_C(0xff) << PIPE_COOKIE_SHIFT)

/* Groups and meters have ids of 32 bits, whose top byte is the application's
 * in the same way. */
#define PIPE_ID_SHIFT 24
#define PIPE_ID(APP, REST) (((uint32_t) (APP) << PIPE_ID_SHIFT) | (REST))
#define PIPE_ID_APP(ID) ((uint8_t) ((ID) >> PIPE_ID_SHIFT))

/* Registers carry decisions past the stages that did not take them.
 *
 * The egress: bits 0..15 hold the OpenFlow port (OFPP_IN_PORT for a packet
 * that leaves where it came in), and bit 16 says that they do.  Stages that
 * decide leave such a packet alone, and PIPE_OUTPUT obeys.
 *
 * The zone: 0 for what is no tenant's.
 *
 * Bit 0 of register 2: the mirror has looked at the packet, and need not do it
 * again.  The other bits, and those of three more registers, are the mirror's
 * own; nobody else reads them. */
#define PIPE_EGRESS_REG 0
#define PIPE_EGRESS_VALID (UINT32_C(1) << 16)
#define PIPE_ZONE_REG 1
#define PIPE_ZONE_NONE UINT32_MAX       /* Nobody's. */
#define PIPE_MIRROR_REG 2
#define PIPE_MIRROR_SEEN (UINT32_C(1) << 0)
#define PIPE_MIRROR_SET_REG 3
#define PIPE_MIRROR_STEP_REG 4
#define PIPE_MIRROR_INSIDE_REG 5

/* What is known about a packet. */
struct pipeline_notes {
    ofp_port_t egress;      /* OFPP_NONE if that is not decided. */
    uint32_t zone;
    bool seen;              /* The mirror has looked at it, or shall not. */
};

/* Append actions that note a packet's zone, or the port through which it
 * leaves.  What was noted before is lost. */
void pipeline_put_zone(struct ofpbuf *ofpacts, uint32_t zone);
void pipeline_put_egress(struct ofpbuf *ofpacts, ofp_port_t port);

/* Appends an action that notes that the mirror need not look at a packet: it
 * has looked before the packet was changed. */
void pipeline_put_seen(struct ofpbuf *ofpacts);

/* Appends actions that note '*notes' about a packet about which nothing is
 * noted yet. */
void pipeline_put_notes(struct ofpbuf *ofpacts,
                        const struct pipeline_notes *notes);

/* Fills in '*notes' from the registers of a packet-in. */
void pipeline_get_notes(const uint32_t regs[], struct pipeline_notes *notes);

/* Appends actions that end a flow of a stage in 'table': the packet, which is
 * in 'zone', leaves through 'port'.  It leaves at once if no later stage of
 * the switch wants to see it.  So this is for declared flows only, which are
 * declared again when that changes. */
void pipeline_put_output(const struct ofswitch *, uint8_t table,
                         ofp_port_t port, uint32_t zone,
                         struct ofpbuf *ofpacts);

/* Returns the first table of application 'app', or 0 if it has none. */
uint8_t pipeline_table(uint8_t app);

/* Returns the table where the next stage of the switch after 'table' begins: a
 * stage sends there what it passes on. */
uint8_t pipeline_next(const struct ofswitch *, uint8_t table);

/* For the core. */

/* Returns true if some stage of the switch sees packets whose egress is
 * decided. */
bool pipeline_is_tapped(const struct ofswitch *);

/* A stage as registered. */
struct pipeline_stage {
    uint8_t table;
    uint8_t n_tables;
    const struct app_class *app;        /* Null if nobody has it. */
    bool taps;
    bool closed;
};

/* Returns all stages in the order of their tables, and their number in '*n'.
 * The last one is at PIPE_OUTPUT. */
const struct pipeline_stage *pipeline_stages(size_t *n);

/* Returns true if the application whose 'stage' it is runs on the switch. */
bool pipeline_runs(const struct ofswitch *,
                   const struct pipeline_stage *stage);

/* Return the first stage after 'table' to which packets can come, or that has
 * to see packets whose egress is decided.  The last one is at PIPE_OUTPUT. */
const struct pipeline_stage *pipeline_next_stage(const struct ofswitch *,
                                                 uint8_t table);
const struct pipeline_stage *pipeline_next_tap(const struct ofswitch *,
                                               uint8_t table);

/* Gives a class the tables that it asks for.  Returns null, or why it cannot
 * have them, which the caller must free. */
char *pipeline_register(const struct app_class *);

/* Returns true if 'app' may have flows with 'priority' in 'table'. */
bool pipeline_may_have_flow(uint8_t app, uint8_t table, uint16_t priority);

/* Returns true if a stage of the class taps. */
bool pipeline_app_taps(const struct app_class *);

#endif /* TASUKID_PIPELINE_H */
