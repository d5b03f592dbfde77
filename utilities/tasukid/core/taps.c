/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "taps.h"

#include "app-call.h"
#include "ofswitch-private.h"
#include "openvswitch/list.h"
#include "util.h"

struct tap {
    struct ovs_list node;       /* In 'taps'. */
    uint8_t app;
    uint8_t table;
    int flags;
    tap_func *cb;               /* Null once it is not wanted any more. */
    void *aux;
};

/* All taps, in the order of their applications. */
static struct ovs_list taps = OVS_LIST_INITIALIZER(&taps);
static bool running;

void
packet_tap(uint8_t app, uint8_t table, int flags, tap_func *cb, void *aux)
{
    struct tap *tap = xmalloc(sizeof *tap);
    struct tap *next;

    *tap = (struct tap) {
        .app = app,
        .table = table,
        .flags = flags,
        .cb = cb,
        .aux = aux,
    };
    LIST_FOR_EACH (next, node, &taps) {
        if (app_index_from_id(next->app) > app_index_from_id(app)) {
            ovs_list_insert(&next->node, &tap->node);
            return;
        }
    }
    ovs_list_push_back(&taps, &tap->node);
}

/* Frees taps that are not wanted any more, unless they may be in use. */
static void
sweep(void)
{
    struct tap *tap;

    if (running) {
        return;
    }
    LIST_FOR_EACH_SAFE (tap, node, &taps) {
        if (!tap->cb) {
            ovs_list_remove(&tap->node);
            free(tap);
        }
    }
}

void
packet_untap(uint8_t app, uint8_t table, tap_func *cb, void *aux)
{
    struct tap *tap;

    LIST_FOR_EACH (tap, node, &taps) {
        if (tap->app == app && tap->table == table && tap->cb == cb
            && tap->aux == aux) {
            tap->cb = NULL;
            break;
        }
    }
    sweep();
}

static bool
wants(const struct tap *tap, const struct ofswitch *sw, uint8_t owner,
      const struct packet_in *pi)
{
    int index = app_index_from_id(tap->app);

    return (tap->cb && tap->app != owner
            && (tap->table == TAP_ANY_TABLE || tap->table == pi->table_id)
            && index >= 0
            && sw->running & ~sw->adopting & (UINT32_C(1) << index)
            && (tap->flags & TAP_ALL_ZONES
                || !ofswitch_is_others_port(sw, app_classes[index],
                                            pi->flow.in_port.ofp_port)));
}

bool
taps_want(const struct ofswitch *sw, uint8_t owner,
          const struct packet_in *pi)
{
    const struct tap *tap;

    LIST_FOR_EACH (tap, node, &taps) {
        if (wants(tap, sw, owner, pi)) {
            return true;
        }
    }
    return false;
}

unsigned int
taps_run(struct ofswitch *sw, uint8_t owner, const struct packet_in *pi)
{
    unsigned int n = 0;
    struct tap *tap;

    running = true;
    LIST_FOR_EACH (tap, node, &taps) {
        if (wants(tap, sw, owner, pi)) {
            struct app_call call;

            app_enter(&call, app_classes[app_index_from_id(tap->app)], "tap");
            tap->cb(sw, pi, tap->aux);
            app_leave(&call);
            n++;
        }
    }
    running = false;
    sweep();
    return n;
}
