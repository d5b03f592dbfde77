/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-action.h"

#include <errno.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static const struct tasuki_action *const actions[] = {
#define ACTION(ATTR, NAME, TITLE) \
    [TASUKI_ACTION_ATTR_##ATTR] = &tasuki_##NAME,
    TASUKI_ACTIONS(ACTION)
#undef ACTION
};

/* Returns the action numbered 'id', or NULL if there is none. */
const struct tasuki_action *
tasuki_action_from_id(uint16_t id)
{
    return id < ARRAY_SIZE(actions) ? actions[id] : NULL;
}

static const struct tasuki_action *
action_from_name(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        const struct tasuki_action *a = actions[i];

        if (a && strlen(a->name) == len && !strncasecmp(a->name, name, len)) {
            return a;
        }
    }
    return NULL;
}

/* OpenFlow. */

/* Returns true if 'name' is the keyword of one of our actions. */
bool
tasuki_action_from_name(const char *name)
{
    return action_from_name(name, strlen(name)) != NULL;
}

/* Appends action 'a' to 'ofpacts' and returns its arguments, zeroed, for the
 * caller to fill in before anything else is appended. */
void *
tasuki_put_ofpact(struct ofpbuf *ofpacts, const struct tasuki_action *a)
{
    struct ofpact_tasuki *oa = ofpact_put_TASUKI(ofpacts);

    oa->id = a->id;
    ofpbuf_put_zeros(ofpacts, a->args_size);
    oa = ofpacts->header;
    ofpact_finish_TASUKI(ofpacts, &oa);

    return oa->args;
}

/* Parses the action 'name' with arguments 'value' and appends it to 'ofpacts'.
 * Returns NULL or a malloc()'d error.  'name' must be one of ours. */
char *
tasuki_parse(const char *name, char *value, struct ofpbuf *ofpacts)
{
    const struct tasuki_action *a = action_from_name(name, strlen(name));

    return a->parse(value, tasuki_put_ofpact(ofpacts, a));
}

void
tasuki_format(const struct ofpact_tasuki *oa, struct ds *s)
{
    tasuki_action_from_id(oa->id)->format(oa->args, s);
}

/* Completes 'header', the last thing in 'out'. */
void
tasuki_encode(const struct ofpact_tasuki *oa,
              struct tasuki_action_header *header, struct ofpbuf *out)
{
    header->id = htons(oa->id);
    tasuki_action_from_id(oa->id)->encode(oa->args, out);
}

/* Decodes the action that starts with 'header', whose length the caller has
 * verified, and appends it to 'ofpacts'. */
enum ofperr
tasuki_decode(const struct tasuki_action_header *header,
              struct ofpbuf *ofpacts)
{
    const struct tasuki_action *a = tasuki_action_from_id(ntohs(header->id));
    if (!a) {
        return OFPERR_OFPBAC_BAD_VENDOR_TYPE;
    }
    if (!is_all_zeros(header->pad, sizeof header->pad)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }
    return a->decode(header + 1, ntohs(header->len) - sizeof *header,
                     tasuki_put_ofpact(ofpacts, a));
}

enum ofperr
tasuki_check(const struct ofpact_tasuki *oa, struct match *match)
{
    return tasuki_action_from_id(oa->id)->check(oa->args, match);
}

/* If 'a' is an action that 'action_set' has already and may have once only,
 * overwrites that one, in its place, and returns true. */
bool
tasuki_replace(struct ofpbuf *action_set, const struct ofpact *a)
{
    struct ofpact *old;

    if (a->type != OFPACT_TASUKI
        || !tasuki_action_from_id(ofpact_get_TASUKI(a)->id)->once) {
        return false;
    }
    OFPACT_FOR_EACH (old, action_set->data, action_set->size) {
        if (old->type == OFPACT_TASUKI
            && ofpact_get_TASUKI(old)->id == ofpact_get_TASUKI(a)->id) {
            memcpy(old, a, a->len);
            return true;
        }
    }
    return false;
}

/* Datapath. */

/* Appends the action 'id' with the 'len' bytes of 'payload' to
 * 'odp_actions'. */
void
tasuki_odp_put(struct ofpbuf *odp_actions, uint16_t id,
               const void *payload, size_t len)
{
    size_t ofs = nl_msg_start_nested(odp_actions, OVS_ACTION_ATTR_TASUKI);
    nl_msg_put_unspec(odp_actions, id, payload, len);
    nl_msg_end_nested(odp_actions, ofs);
}

/* Formats OVS_ACTION_ATTR_TASUKI, which may come from a datapath newer than
 * this program or be damaged. */
void
tasuki_odp_format(const struct nlattr *attr, struct ds *s)
{
    const struct nlattr *nested = nl_attr_get(attr);
    size_t len = nl_attr_get_size(attr);

    if (!nl_attr_is_valid(nested, len)) {
        ds_put_format(s, "tasuki(bad length %"PRIuSIZE")", len);
        return;
    }

    const struct tasuki_action *a = tasuki_action_from_id(nl_attr_type(nested));
    if (!a) {
        ds_put_format(s, "tasuki(unknown action %d)", nl_attr_type(nested));
        return;
    }
    a->odp_format(nl_attr_get(nested), nl_attr_get_size(nested), s);
}

/* If 's' starts with one of our actions, appends it to 'odp_actions' and
 * returns the number of bytes that it takes up in 's'; returns 0 if it is
 * something else, a negative errno value if it is ours but wrong. */
int
tasuki_odp_parse(const char *s, struct ofpbuf *odp_actions)
{
    size_t name_len = strcspn(s, "(,) \t\r\n");
    const struct tasuki_action *a = action_from_name(s, name_len);
    if (!a) {
        return 0;
    }

    const char *end = strchr(s, ')');
    if (s[name_len] != '(' || !end) {
        return -EINVAL;
    }

    char *value = xmemdup0(s + name_len + 1, end - (s + name_len + 1));
    char *error = a->odp_parse(value, odp_actions);
    free(value);
    if (error) {
        free(error);
        return -EINVAL;
    }
    return end + 1 - s;
}

/* Executes the first of 'odp_actions', which is OVS_ACTION_ATTR_TASUKI, on
 * 'batch'.  Packets may leave it. */
void
tasuki_odp_execute(void *dp, struct dp_packet_batch *batch,
                   const struct nlattr *odp_actions, size_t odp_actions_len,
                   odp_execute_cb dp_execute_action)
{
    const struct nlattr *nested = nl_attr_get(odp_actions);
    const struct tasuki_exec exec = {
        .dp = dp,
        .dp_execute_action = dp_execute_action,
        .rest = nl_attr_next(odp_actions),
        .rest_len = odp_actions_len - NLA_ALIGN(odp_actions->nla_len),
    };

    actions[nl_attr_type(nested)]->execute(batch, nl_attr_get(nested), &exec);
}

/* Executes the actions after this one on the packets in 'batch' and deletes
 * them. */
void
tasuki_exec_rest(const struct tasuki_exec *exec, struct dp_packet_batch *batch)
{
    odp_execute_actions(exec->dp, batch, true, exec->rest, exec->rest_len,
                        exec->dp_execute_action);
}

/* Executes the one action 'type' with argument 'value' on 'packet' and deletes
 * it. */
static void
exec_u32(const struct tasuki_exec *exec, struct dp_packet *packet,
         uint16_t type, uint32_t value)
{
    struct {
        struct nlattr attr;
        uint32_t value;
    } action = {
        .attr = {
            .nla_len = sizeof action,
            .nla_type = type,
        },
        .value = value,
    };
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, packet);
    odp_execute_actions(exec->dp, &batch, true, &action.attr, sizeof action,
                        exec->dp_execute_action);
}

/* Sends 'packet' to 'port' and deletes it. */
void
tasuki_exec_output(const struct tasuki_exec *exec, struct dp_packet *packet,
                   odp_port_t port)
{
    exec_u32(exec, packet, OVS_ACTION_ATTR_OUTPUT, odp_to_u32(port));
}

/* Has 'packet' go through the datapath again with 'recirc_id', and deletes
 * it. */
void
tasuki_exec_recirc(const struct tasuki_exec *exec, struct dp_packet *packet,
                   uint32_t recirc_id)
{
    exec_u32(exec, packet, OVS_ACTION_ATTR_RECIRC, recirc_id);
}
