/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "life.h"

#include <stdlib.h>

#include "challenge.h"
#include "engine.h"
#include "handshake.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pair.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(handover_conn);

/* Forgets 'conn' and leaves its flows alone. */
static void
conn_forget(struct conn *conn)
{
    handshake_destroy(conn);
    challenge_destroy(conn);
    conn_remove(conn);
}

void
conn_destroy(struct conn *conn)
{
    if (conn->flows || conn->watched) {
        conn_remove_entries(conn);
    }
    conn_tell(conn, CONN_HAS_ENDED);
    conn_forget(conn);
}

void
conns_forget(struct engine *e)
{
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &e->conns) {
        conn_forget(conn);
    }
}

void
conn_format(const struct conn *conn, struct ds *ds)
{
    const struct service_config *cfg = conn->service->cfg;

    ds_put_format(ds, IP_FMT":%"PRIu16" %s %s", IP_ARGS(conn->client),
                  ntohs(conn->client_tp), cfg->name,
                  conn_state_name(conn->state));
    if (conn->first) {
        ds_put_format(ds, " %s", conn->first->name);
    }
    if (conn->member && conn->member != conn->first) {
        ds_put_format(ds, " -> %s", conn->member->name);
    }
    if (conn->state == CONN_MOVED) {
        ds_put_format(ds, " D=%"PRId32" T=%"PRId32" W=%d",
                      (int32_t) conn->seq_delta, (int32_t) conn->ts_delta,
                      conn->member_wscale);
    }
    if (conn->client_wscale) {
        ds_put_format(ds, " client_wscale=%d", conn->client_wscale);
    }
    ds_put_format(ds, " age=%.3fs", (conn_now(conn) - conn->created) / 1000.0);
    if (conn->hs) {
        ds_put_format(ds, " held=%"PRIu32,
                      tcp_hold_contiguous(&conn->hs->hold));
    }
    if (conn->n_bytes) {
        ds_put_format(ds, " bytes=%"PRIu64, conn->n_bytes);
    }
}

static void
conn_log_end(const struct conn *conn)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 100);

    if (!VLOG_DROP_DBG(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        conn_format(conn, &ds);
        VLOG_DBG("done: %s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

void
conn_finish(struct conn *conn)
{
    conn_count(conn, HC_FINISHED);
    conn_log_end(conn);
    conn_destroy(conn);
}

void
conn_abort(struct conn *conn, bool tell_client)
{
    if (tell_client && conn->state != CONN_SYN_SENT) {
        handshake_reset_client(conn);
    }
    peer_reset(conn, &conn->hs->first);
    peer_reset(conn, &conn->hs->second);
    conn_destroy(conn);
}

void
conns_flush_service(struct service *service)
{
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &service->engine->conns) {
        if (conn->service == service) {
            if (conn->hs) {
                conn_abort(conn, true);
            } else {
                conn_destroy(conn);
            }
        }
    }
}

/* Entries. */

void
conn_relocate(struct conn *conn)
{
    conn_count(conn, HC_RELOCATED);
    conn_remove_entries(conn);
    conn_renew_id(conn);
    conn->watched = pair_watch(conn, conn->member);
    conn_install(conn, CONN_BOTH);
}

void
conn_uninstall(struct conn *conn)
{
    conn_remove_entries(conn);
    conn_renew_id(conn);
    conn->watched = pair_watch(conn, conn->member);
    conn->flows = 0;
    conn_seen(conn, 0);
    challenge_update_timer(conn);
}
