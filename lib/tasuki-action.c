/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-action.h"

#include <ctype.h>
#include <errno.h>

#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "nx-match.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

static const struct tasuki_action *const actions[] = {
    TASUKI_ACTIONS(TASUKI_ACTION_ENTRY)
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

/* For actions. */

bool
tasuki_parse_number(const char *s, long long int min, long long int max,
                    long long int *valuep)
{
    const char *digits = s + (*s == '-' || *s == '+');
    int base = !strncasecmp(digits, "0x", 2) ? 16 : 10;
    char *tail;

    if (!(base == 16 ? isxdigit((unsigned char) digits[2])
                     : isdigit((unsigned char) digits[0]))) {
        return false;
    }
    errno = 0;
    *valuep = strtoll(s, &tail, base);
    return !errno && !*tail && *valuep >= min && *valuep <= max;
}

enum ofperr
tasuki_check_is_tcp(const struct match *match)
{
    return (is_ip_any(&match->flow)
            && match->wc.masks.nw_proto == 0xff
            && match->flow.nw_proto == IPPROTO_TCP
            ? 0 : OFPERR_OFPBAC_MATCH_INCONSISTENT);
}

/* OpenFlow. */

/* Returns true if 'name' is the keyword of one of our actions. */
bool
tasuki_action_from_name(const char *name)
{
    return action_from_name(name, strlen(name)) != NULL;
}

static struct ofpact_tasuki *
put_ofpact(struct ofpbuf *ofpacts, const struct tasuki_action *a)
{
    struct ofpact_tasuki *oa = ofpact_put_TASUKI(ofpacts);

    oa->id = a->id;
    ofpbuf_put_zeros(ofpacts, a->args_size);
    oa = ofpacts->header;
    ofpact_finish_TASUKI(ofpacts, &oa);
    return oa;
}

/* Appends action 'a', which leaves no value, to 'ofpacts' and returns its
 * arguments, zeroed, for the caller to fill in before anything else is
 * appended. */
void *
tasuki_put_ofpact(struct ofpbuf *ofpacts, const struct tasuki_action *a)
{
    return put_ofpact(ofpacts, a)->args;
}

/* Appends action 'a', which leaves its value in 'dst', likewise. */
void *
tasuki_put_value(struct ofpbuf *ofpacts, const struct tasuki_action *a,
                 const struct mf_subfield *dst)
{
    struct ofpact_tasuki *oa = put_ofpact(ofpacts, a);

    oa->dst = *dst;
    return oa->args;
}

/* Where an action leaves its value. */

/* Cuts off "->SUBFIELD" and the parenthesis before it from 'value', and parses
 * SUBFIELD into '*dst'.  Returns NULL or a malloc()'d error. */
static char *
parse_dst(const struct tasuki_action *a, char *value, struct mf_subfield *dst)
{
    char *end = strstr(value, ")->");

    if (!end) {
        return xasprintf("%s: \"->\" and the field for its value must follow "
                         "the parentheses", a->name);
    }
    *end = '\0';

    /* lib/ofp-group.c takes buckets apart and puts them together again, which
     * adds a parenthesis. */
    char *subfield = end + strlen(")->");
    subfield[strcspn(subfield, ")")] = '\0';

    char *problem = mf_parse_subfield(dst, subfield);
    char *error = problem ? xasprintf("%s: %s", a->name, problem) : NULL;
    free(problem);
    return error;
}

/* Returns true if a value can go to 'field'.  It cannot go to options of
 * tunnels that are mapped to fields, whose names differ between switches, or
 * to fields of conntrack, which only the ct action writes. */
static bool
takes_value(const struct mf_field *field)
{
    return field->writable && !field->variable_len
           && field->id != MFF_CT_MARK && field->id != MFF_CT_LABEL;
}

/* Returns NULL if the value of 'oa' fits its subfield, else an error. */
static char *
dst_error(const struct tasuki_action *a, const struct ofpact_tasuki *oa)
{
    const char *problem = a->dst_problem ? a->dst_problem(oa->args, &oa->dst)
                                         : NULL;

    return problem ? xasprintf("%s: the field for its value must be %s",
                               a->name, problem)
           : !takes_value(oa->dst.field)
           ? xasprintf("%s: %s cannot be written", a->name,
                       oa->dst.field->name)
           : NULL;
}

void
tasuki_encode_dst(const struct mf_subfield *dst, struct ofpbuf *out)
{
    struct tasuki_dst_header *header = ofpbuf_put_zeros(out, sizeof *header);
    size_t size = out->size;

    header->ofs = htons(dst->ofs);
    header->n_bits = htons(dst->n_bits);

    /* The header takes 4 or 8 bytes. */
    out->size -= sizeof header->field;
    nx_put_mff_header(out, dst->field, 0, false);
    out->size = size;
}

enum ofperr
tasuki_decode_dst(const struct tasuki_dst_header *header,
                  struct mf_subfield *dst)
{
    struct ofpbuf b = ofpbuf_const_initializer(header->field,
                                               sizeof header->field);
    enum ofperr error = nx_pull_header(&b, NULL, &dst->field, NULL);

    if (error) {
        return error;
    }
    if (!is_all_zeros(b.data, b.size)
        || !is_all_zeros(header->pad, sizeof header->pad)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }
    dst->ofs = ntohs(header->ofs);
    dst->n_bits = ntohs(header->n_bits);
    return (takes_value(dst->field) ? mf_check_dst(dst, NULL)
            : OFPERR_OFPBAC_BAD_SET_TYPE);
}

/* Parses the action 'name' with arguments 'value' and appends it to 'ofpacts'.
 * Returns NULL or a malloc()'d error.  'name' must be one of ours. */
char *
tasuki_parse(const char *name, char *value, struct ofpbuf *ofpacts)
{
    const struct tasuki_action *a = action_from_name(name, strlen(name));
    struct ofpact_tasuki *oa;
    struct mf_subfield dst;
    char *error;

    if (a->leaves_value) {
        error = parse_dst(a, value, &dst);
        if (error) {
            return error;
        }
    }
    oa = put_ofpact(ofpacts, a);
    error = a->parse(value, oa->args);
    if (!error && a->leaves_value) {
        oa->dst = dst;
        error = dst_error(a, oa);
    }
    return error;
}

void
tasuki_format(const struct ofpact_tasuki *oa, struct ds *s)
{
    tasuki_action_from_id(oa->id)->format(oa->args, s);
    if (oa->dst.field) {
        ds_put_cstr(s, "->");
        mf_format_subfield(&oa->dst, s);
    }
}

/* Completes 'header', the last thing in 'out'. */
void
tasuki_encode(const struct ofpact_tasuki *oa,
              struct tasuki_action_header *header, struct ofpbuf *out)
{
    header->id = htons(oa->id);
    if (oa->dst.field) {
        tasuki_encode_dst(&oa->dst, out);
    }
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

    const uint8_t *body = (const uint8_t *) (header + 1);
    size_t len = ntohs(header->len) - sizeof *header;
    struct ofpact_tasuki *oa = put_ofpact(ofpacts, a);
    if (!a->leaves_value) {
        return a->decode(body, len, oa->args);
    }

    const struct tasuki_dst_header *dst = (const void *) body;
    if (len < sizeof *dst) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    enum ofperr error = tasuki_decode_dst(dst, &oa->dst);
    if (!error) {
        error = a->decode(body + sizeof *dst, len - sizeof *dst, oa->args);
    }
    return (error ? error
            : a->dst_problem && a->dst_problem(oa->args, &oa->dst)
            ? OFPERR_OFPBAC_BAD_SET_LEN : 0);
}

enum ofperr
tasuki_check(const struct ofpact_tasuki *oa, struct match *match)
{
    const struct tasuki_action *a = tasuki_action_from_id(oa->id);
    const struct mf_subfield *dst = tasuki_dst(oa);
    enum ofperr error = a->check(oa->args, match);

    return error || !dst->field ? error : mf_check_dst(dst, match);
}

const struct mf_subfield *
tasuki_dst(const struct ofpact_tasuki *oa)
{
    const struct tasuki_action *a = tasuki_action_from_id(oa->id);

    return a->dst ? a->dst(oa->args) : &oa->dst;
}

/* If 'a' is an action that 'action_set' has already and may have only once,
 * overwrites the older one in its place and returns true. */
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

/* Returns true if translation can take 'oa' back. */
bool
tasuki_is_reversible(const struct ofpact_tasuki *oa)
{
    const struct tasuki_action *a = tasuki_action_from_id(oa->id);

    return a->reversible && a->reversible(oa->args);
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
 * returns the number of bytes that it takes up in 's'.  Returns 0 if 's'
 * starts with something else, or a negative errno value if the action is ours
 * but wrong. */
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
 * 'batch'.  Packets may leave the batch. */
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

/* Does so with what has been refilled of 'batch', if anything, and leaves room
 * to go on refilling it. */
void
tasuki_exec_flush(const struct tasuki_exec *exec,
                  struct dp_packet_batch *batch)
{
    struct dp_packet_batch first = *batch;

    if (!dp_packet_batch_is_empty(batch)) {
        dp_packet_batch_init(batch);
        tasuki_exec_rest(exec, &first);
    }
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
