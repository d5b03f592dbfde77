/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef OPENVSWITCH_OFPACT_TASUKI_H
#define OPENVSWITCH_OFPACT_TASUKI_H 1

/* Included by ofp-actions.h in the midst of its action structures: not to be
 * included by itself. */

#ifdef __cplusplus
extern "C" {
#endif

/* OFPACT_TASUKI.
 *
 * Any of Tasuki's own actions.  'id' tells which one (TASUKI_ACTION_ATTR_*),
 * 'args' holds that action's own structure (see lib/tasuki-action.h).
 *
 * An action that leaves a value writes it to 'dst', whose field is NULL for
 * all other actions.  'thawed' is true only where translation resumes after
 * the datapath has computed the value: there the action has been executed, and
 * the value waits in the datapath's hash. */
struct ofpact_tasuki {
    OFPACT_PADDED_MEMBERS(
        struct ofpact ofpact;
        uint16_t id;
        bool thawed;
        struct mf_subfield dst;
    );
    uint8_t args[];
};

#ifdef __cplusplus
}
#endif

#endif /* OPENVSWITCH_OFPACT_TASUKI_H */
