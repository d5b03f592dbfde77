/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "forwarded.h"

#include "challenge.h"
#include "ending.h"
#include "engine.h"
#include "life.h"
#include "packets.h"
#include "pair.h"
#include "try.h"
#include "util.h"

/* A segment of a forwarded connection comes here if the entry overtook it or
 * the datapath has not noticed the entry yet.  If one still comes after this
 * time, the entry is not there. */
#define LATE_MS 1000

/* How long after one direction's entry the other's expires, if both have seen
 * FIN: the time that the switch takes to notice. */
#define OTHER_FLOW_MS 2000

/* How often to try again to install an entry that was refused. */
#define RETRY_MS 5000

/* Returns true if '*seg' may be what a server in TIME-WAIT says when it is
 * asked whether it has the connection.  Such an answer needs no entries.  If
 * the client does not deny the connection, the next answer does. */
static bool
is_last_word(const struct conn *conn, enum conn_direction direction,
             const struct tcp_segment *seg)
{
    return (direction == CONN_TO_CLIENT && !conn->flows
            && seg->flags == TCP_ACK && !seg->len
            && challenge_is_first(conn));
}

/* SYN and RST always come here.  Their receiver judges them. */
static void
pass_on(struct conn *conn, enum conn_direction direction,
        const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    if (!challenge_allows(conn)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    conn_forward(conn, direction, in);
    if (seg->flags & TCP_RST && !conn->orphan) {
        challenge_server(conn, 0);
    }
}

void
forwarded_late(struct conn *conn, enum conn_direction direction,
               const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    conn_count(conn, direction == CONN_TO_SERVER ? HC_LATE_CLIENT
                     : HC_LATE_SERVER);
    if (challenge_has_ended(conn)) {
        conn_count(conn, HC_DROP_STALE);
        return;
    }
    if (seg->flags & (TCP_SYN | TCP_RST)) {
        pass_on(conn, direction, in);
        return;
    }
    conn_forward(conn, direction, in);
    if (is_last_word(conn, direction, seg)) {
        return;
    }

    /* The entry may have expired while the connection was quiet; somebody may
     * have deleted it; there may have been no room for it; or it is about to
     * expire and did not see this segment. */
    long long int wait = conn->carried ? RETRY_MS : LATE_MS;
    bool closing = seg->flags & TCP_FIN && !(conn->closing & direction);
    if (closing) {
        conn->closing |= direction;
    }
    if (closing || conn_now(conn) >= conn->installed + wait) {
        conn_count(conn, HC_REINSTALLED);
        conn_install(conn, conn->carried ? CONN_BOTH : direction);
    }
    if (conn->carried) {
        conn_seen(conn, 0);
        challenge_update_timer(conn);
    }
}

/* After FIN, one direction may be quiet for good while the other still has
 * something to say.  Once both are quiet, the connection is over if they were
 * quiet for as long as a connection may be.  If a FIN cut that time short,
 * anybody may have sent it, so the server is asked.  The server is asked if
 * the other direction lives on, too: its entry misses the end if somebody was
 * quiet for long in the middle of it. */
void
engine_entry_removed(struct engine *e, const struct entry *entry,
                     long long int quiet_ms, uint64_t n_bytes)
{
    if (entry->kind == ENTRY_DIRECT) {
        pair_removed(e, entry);
        return;
    }

    struct conn *conn = conn_lookup_id(e, entry->id);
    if (!conn || conn->hs) {
        return;
    }

    enum conn_direction direction = (entry->kind == ENTRY_TO_SERVER
                                     ? CONN_TO_SERVER : CONN_TO_CLIENT);
    conn->flows &= ~direction;
    conn->closing &= ~direction;
    if (n_bytes != UINT64_MAX) {
        conn->n_bytes += n_bytes;
    }
    conn_seen(conn, quiet_ms);
    if (conn->carried) {
        return;
    }
    bool quiet = conn_now(conn) >= conn->expires;
    if (!conn->flows && (quiet || conn->orphan)) {
        conn_finish(conn);
    } else if (!quiet && !conn->orphan) {
        challenge_server(conn, conn->flows ? OTHER_FLOW_MS : 0);
    }
}

/* Without room for entries, all segments of the connection come here and are
 * passed on, and a timer notices its end. */
void
engine_entry_failed(struct engine *e, uint64_t id, bool watch)
{
    struct conn *conn = conn_lookup_id(e, id);

    if (conn && watch) {
        conn_count(conn, HC_FLOW_FAILED);
        if (conn->hs) {
            try_not_watched(conn);
        }
    } else if (conn && !conn->hs) {
        conn_count(conn, HC_FLOW_FAILED);
        conn->flows = 0;
        conn->carried = true;
        conn_seen(conn, 0);
        challenge_update_timer(conn);
    }
}

void
forwarded_timeout(struct conn *conn)
{
    if (conn_now(conn) >= conn->expires) {
        if (!conn->flows) {
            /* One of the refused entries may be there. */
            conn->flows = conn->carried ? CONN_BOTH : 0;
            conn_finish(conn);
            return;
        }
        /* Entries that were refused before were accepted when they were
         * installed last. */
        conn->carried = false;
    }
    if (ending_run(conn)) {
        challenge_update_timer(conn);
    }
}
