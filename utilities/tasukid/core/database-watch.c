/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "database-watch.h"

#include <errno.h>

#include "dirs.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(database_watch);

/* How long a database may be away before a warning, and between warnings, in
 * msec.  FIRST_WARNING is longer than connecting again to a restarted server
 * may take (8 s). */
#define FIRST_WARNING 10000
#define NEXT_WARNING 60000

char *
database_trouble(const char *remote, int error)
{
    if (error) {
        return xasprintf("%s: database connection failed (%s); does "
                         "ovsdb-server run?",
                         remote, ovs_retval_to_string(error));
    }
    return xasprintf(
        "%s: ovsdb-server has no database \"Tasuki\" there; it has if it is "
        "started by %s/scripts/ovs-ctl, and until its next start by "
        "\"ovs-appctl -t ovsdb-server ovsdb-server/add-db %s/tasuki.db\" "
        "(\"ovsdb-tool create %s/tasuki.db %s/tasuki.ovsschema\" makes that "
        "file)",
        remote, ovs_pkgdatadir(), ovs_dbdir(), ovs_dbdir(), ovs_pkgdatadir());
}

/* Returns 0 if a server accepts connections at 'remote', otherwise the reason
 * why not, as far as it is known.  The error of 'idl' may be from before the
 * server came back. */
static int
server_error(const struct ovsdb_idl *idl, const char *remote)
{
    struct stream *stream;
    int error = stream_open(remote, &stream, DSCP_DEFAULT);

    if (!error) {
        error = stream_connect(stream);
        stream_close(stream);
    }
    return error == EAGAIN ? ovsdb_idl_get_last_error(idl) : error;
}

void
database_watch_run(struct database_watch *dw, const struct ovsdb_idl *idl,
                   const char *remote, bool there)
{
    long long int now = time_msec();

    if (!dw->warn_at) {
        if (!there) {
            dw->warn_at = now + FIRST_WARNING;
        }
    } else if (now >= dw->warn_at && there) {
        /* Not earlier: a server without the database still gives out the lock
         * for a moment. */
        dw->warn_at = 0;
    } else if (now >= dw->warn_at) {
        char *trouble = database_trouble(remote, server_error(idl, remote));

        VLOG_WARN("%s", trouble);
        free(trouble);
        dw->warn_at = now + NEXT_WARNING;
    }
}

void
database_watch_wait(const struct database_watch *dw)
{
    if (dw->warn_at) {
        poll_timer_wait_until(dw->warn_at);
    }
}
