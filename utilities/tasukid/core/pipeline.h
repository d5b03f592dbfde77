/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PIPELINE_H
#define TASUKID_PIPELINE_H 1

/* The pipeline that all applications share on one bridge.
 *
 * This is the only place that decides table numbers, cookie ids and the use of
 * registers.  A packet enters at PIPE_CLASSIFY and each table hands it to the
 * next; a table whose application is not configured passes everything on.
 *
 * Whose packet it is, the port decides, in PIPE_TENANT.  Until then nobody may
 * answer it or learn from it: PIPE_CLASSIFY is the core's alone.
 *
 * Priority 0 belongs to the core in every table before PIPE_FORWARD, for the
 * flow that passes on what missed, and so do the two highest priorities in
 * PIPE_FORWARD.  With tenants nothing passes PIPE_TENANT by missing: a port
 * that just appeared could be a tenant's. */

#include <stdint.h>

enum pipeline_table {
    PIPE_CLASSIFY = 0,      /* Where packets enter. */
    PIPE_TENANT = 10,       /* Between tenant LANs and service ports. */
    PIPE_SERVICE = 20,      /* L7 handover, and ARP for its addresses. */
    PIPE_MIRROR = 30,       /* Copy to mirror ports, or not. */
    PIPE_FORWARD = 40,      /* Learning switch, or NORMAL: the source. */
    PIPE_FORWARD_DST = 41,  /* The destination.  Only PIPE_FORWARD leads
                             * here. */
};

/* Which application a flow belongs to: the top byte of its cookie.  The other
 * 56 bits are the application's. */
enum pipeline_app {
    PIPE_APP_CORE = 0x54,
    PIPE_APP_FORWARD = 0x55,
    PIPE_APP_HANDOVER = 0x56,
    PIPE_APP_TENANT = 0x57,
};

#define PIPE_COOKIE_SHIFT 56
#define PIPE_COOKIE(APP, REST) \
    (((uint64_t) (APP) << PIPE_COOKIE_SHIFT) | (REST))
#define PIPE_COOKIE_APP(COOKIE) ((uint8_t) ((COOKIE) >> PIPE_COOKIE_SHIFT))
#define PIPE_COOKIE_MASK (UINT64_C(0xff) << PIPE_COOKIE_SHIFT)

/* Register 0 carries a decision about the egress port past the tables that
 * did not take it: bits 0..15 hold the OpenFlow port (OFPP_IN_PORT for a
 * packet that leaves where it came in), bit 16 says that they do.
 * PIPE_FORWARD obeys it before it looks at anything else. */
#define PIPE_EGRESS_REG 0
#define PIPE_EGRESS_VALID (UINT32_C(1) << 16)

#endif /* TASUKID_PIPELINE_H */
