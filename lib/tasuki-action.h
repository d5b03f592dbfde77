/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_ACTION_H
#define TASUKI_ACTION_H 1

/* The extension point: how an action of Tasuki's plugs into Open vSwitch.
 *
 * Upstream is hooked once, for one OpenFlow experimenter action and one
 * datapath action attribute; both carry the id of the action proper.  An
 * action is a file that defines a 'struct tasuki_action', and a line in
 * TASUKI_ACTIONS in tasuki-datapath.h.  The hooks need not know it.
 *
 * Thread-safety: the table is constant, and every function in it may be called
 * from any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "odp-execute.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/types.h"
#include "tasuki-datapath.h"

struct dp_packet;
struct dp_packet_batch;
struct ds;
struct flow;
struct flow_wildcards;
struct match;
struct nlattr;
struct ofpbuf;

/* OpenFlow experimenter id.  5a-54-4b is an OUI with the locally administered
 * bit set, so it cannot be assigned to any other organization. */
#define TASUKI_VENDOR_ID 0x005a544b

/* Header of each of our actions in OpenFlow, any version, followed by what
 * 'encode' appends and zeros up to a multiple of 8 bytes. */
struct tasuki_action_header {
    ovs_be16 type;              /* OFPAT_EXPERIMENTER. */
    ovs_be16 len;               /* Total length, a multiple of 8. */
    ovs_be32 vendor;            /* TASUKI_VENDOR_ID. */
    ovs_be16 subtype;           /* 0. */
    ovs_be16 id;                /* TASUKI_ACTION_ATTR_*. */
    uint8_t pad[4];             /* Must be zero. */
};
BUILD_ASSERT_DECL(sizeof(struct tasuki_action_header) == 16);

/* A subfield, in the body of an action: the beginning, if it leaves a value. */
struct tasuki_dst_header {
    ovs_be16 ofs;               /* Of the subfield in its field. */
    ovs_be16 n_bits;            /* The subfield's width. */
    uint8_t pad[4];             /* Must be zero. */
    uint8_t field[8];           /* OXM header and zeros. */
};
BUILD_ASSERT_DECL(sizeof(struct tasuki_dst_header) == 16);

/* What comes of a packet in translation. */
enum tasuki_effect {
    TASUKI_OK,                  /* Its headers are as the flow says. */
    TASUKI_NEW_HEADERS,         /* Its headers are known only to the
                                 * datapath. */
    TASUKI_NEW_BITS,            /* The bits of 'dst' are, and nothing else. */
    TASUKI_VALUE,               /* The datapath computes a value for it. */
    TASUKI_CONSTANT,            /* The value is the same for all packets of
                                 * the flow: tasuki_xlate's 'value'. */
    TASUKI_DROP,                /* Nothing is left of it. */
};

/* A translation, as an action sees it. */
struct tasuki_xlate {
    struct flow *flow;          /* What the packet is by now.  An action that
                                 * changes a field in the datapath changes it
                                 * here, too. */
    struct flow_wildcards *wc;  /* For an action to unwildcard what it looked
                                 * at. */
    struct ofpbuf *odp_actions; /* For tasuki_odp_put(). */
    uint16_t mtu;               /* Of the bridge, in bytes of IP. */
    uint32_t value;             /* Set along with TASUKI_CONSTANT. */

    /* Returns the recirculation id with which a packet gets back to the sender
     * of the flow's packets, or 0 if their input port leads there. */
    uint32_t (*answer_id)(struct tasuki_xlate *);
};

/* How the datapath executes actions, for an action that makes new packets. */
struct tasuki_exec {
    void *dp;
    odp_execute_cb dp_execute_action;

    const struct nlattr *rest;  /* The actions after this one. */
    size_t rest_len;            /* In bytes. */
};

struct tasuki_action {
    uint16_t id;                /* TASUKI_ACTION_ATTR_*. */
    const char *name;           /* Keyword. */
    size_t args_size;           /* Of the structure in ofpact_tasuki.args. */

    /* OpenFlow.
     *
     * 'args' points to 'args_size' bytes, aligned for any type and zeroed
     * before 'parse' and 'decode'.  Both leave padding zero, because actions
     * are compared bytewise. */

    /* The action leaves a value: a number that it computes for each packet.
     * The number goes into a subfield that later tables match.  Users write
     * "NAME(ARGS)->SUBFIELD".
     *
     * The datapath leaves the value where it keeps a packet's hash (md.dp_hash
     * in userspace, ovs_flow_hash in the kernel) and recirculates.  When
     * translation resumes, it loads the value into the subfield.  So there is
     * one datapath flow for each value that occurs, and the pipeline is
     * translated once for each. */
    bool leaves_value;

    /* Returns NULL if a value fits 'dst', otherwise a static string on what
     * 'dst' must be.  Null if any value fits anywhere. */
    const char *(*dst_problem)(const void *args, const struct mf_subfield *dst);

    /* Returns the subfield that 'args' name, if it is there that they say where
     * the value goes.  Then 'leaves_value' is false, and only 'translate' says
     * whether there is a value or the datapath writes to the subfield by
     * itself.  Null for other actions. */
    const struct mf_subfield *(*dst)(const void *args);

    /* Parses 'value', which is what stands between the parentheses or after
     * the colon, and which it may modify.  Returns NULL or a malloc()'d
     * one-line error that names the argument and its range. */
    char *(*parse)(char *value, void *args);

    /* Appends the whole action in the form that 'parse' takes. */
    void (*format)(const void *args, struct ds *);

    /* 'encode' appends to 'out' what follows struct tasuki_action_header.
     * 'decode' parses the 'len' bytes of that at 'body', padding included. */
    void (*encode)(const void *args, struct ofpbuf *out);
    enum ofperr (*decode)(const void *body, size_t len, void *args);

    /* Checks 'args' against 'match', which is the match of the flow as the
     * actions before this one have changed it.  An action that changes the
     * type or the protocol of packets changes 'dl_type' or 'nw_proto' in
     * 'match', which the caller restores when all actions are checked. */
    enum ofperr (*check)(const void *args, struct match *match);

    /* Translation, in terms of nested attribute 'id' of
     * OVS_ACTION_ATTR_TASUKI. */

    /* Returns true if translation can take the action back by setting fields
     * to what they were, as it does where a clone or a bucket ends.  If not,
     * the datapath has to clone the packet.  Null if it never can. */
    bool (*reversible)(const void *args);

    /* Appends the datapath's form of the action to 'odp_actions' with
     * tasuki_odp_put(), or nothing if the action does not apply to packets of
     * the flow.  Unwildcards what that depended on. */
    enum tasuki_effect (*translate)(const void *args, struct tasuki_xlate *);

    /* If true, an action set has one such action, which a later one
     * overwrites.  If false, it has as many as were written. */
    bool once;

    /* Returns NULL if a datapath can have the action, otherwise a static string,
     * the reason why not.  'userspace' tells whether it is the userspace
     * datapath.  Null if any can. */
    const char *(*dpif_problem)(const void *args, bool userspace);

    /* Puts a harmless instance of the action, to find out whether a datapath
     * accepts it. */
    void (*probe)(struct ofpbuf *odp_actions);

    /* 'odp_format' formats the payload of the nested attribute.  The other
     * parses what stands between the parentheses, as 'parse' does, and puts
     * the payload. */
    void (*odp_format)(const void *payload, size_t len, struct ds *);
    char *(*odp_parse)(char *value, struct ofpbuf *odp_actions);

    /* Executes the action on each packet.  Runs for every packet: no lock, no
     * allocation.  Packets that it cannot handle stay as they are and are
     * counted.
     *
     * It may delete packets from the batch.  Further packets that it makes of
     * one go to 'exec'. */
    void (*execute)(struct dp_packet_batch *, const void *payload,
                    const struct tasuki_exec *exec);
};

const struct tasuki_action *tasuki_action_from_id(uint16_t id);

/* For actions. */

/* Parses all of 's' as a decimal or 0x hexadecimal number with an optional
 * sign into '*valuep'.  Returns false if it is not one or is outside 'min' to
 * 'max'. */
bool tasuki_parse_number(const char *s, long long int min, long long int max,
                         long long int *valuep);

/* Returns 0 if 'match' is on TCP over IPv4 or IPv6, otherwise
 * OFPERR_OFPBAC_MATCH_INCONSISTENT. */
enum ofperr tasuki_check_is_tcp(const struct match *match);

/* Appends 'dst' to 'out' as a struct tasuki_dst_header, and parses one.  A
 * value can go to what is parsed. */
void tasuki_encode_dst(const struct mf_subfield *dst, struct ofpbuf *out);
enum ofperr tasuki_decode_dst(const struct tasuki_dst_header *,
                              struct mf_subfield *dst);

/* Hooks for lib/ofp-actions.c. */
bool tasuki_action_from_name(const char *name);
void *tasuki_put_ofpact(struct ofpbuf *ofpacts, const struct tasuki_action *);
void *tasuki_put_value(struct ofpbuf *ofpacts, const struct tasuki_action *,
                       const struct mf_subfield *dst);
char *tasuki_parse(const char *name, char *value, struct ofpbuf *ofpacts);
void tasuki_format(const struct ofpact_tasuki *, struct ds *);
void tasuki_encode(const struct ofpact_tasuki *,
                   struct tasuki_action_header *, struct ofpbuf *out);
enum ofperr tasuki_decode(const struct tasuki_action_header *,
                          struct ofpbuf *ofpacts);
enum ofperr tasuki_check(const struct ofpact_tasuki *, struct match *);
bool tasuki_replace(struct ofpbuf *action_set, const struct ofpact *);

/* Hook for ofproto/ofproto-dpif-xlate.c. */
bool tasuki_is_reversible(const struct ofpact_tasuki *);

/* Returns where 'oa' leaves its value. */
const struct mf_subfield *tasuki_dst(const struct ofpact_tasuki *oa);

/* Hooks for lib/odp-util.c and lib/odp-execute.c. */
void tasuki_odp_put(struct ofpbuf *odp_actions, uint16_t id,
                    const void *payload, size_t len);
void tasuki_odp_format(const struct nlattr *, struct ds *);
int tasuki_odp_parse(const char *s, struct ofpbuf *odp_actions);
void tasuki_odp_execute(void *dp, struct dp_packet_batch *,
                        const struct nlattr *actions, size_t actions_len,
                        odp_execute_cb);
void tasuki_exec_rest(const struct tasuki_exec *, struct dp_packet_batch *);
void tasuki_exec_flush(const struct tasuki_exec *, struct dp_packet_batch *);
void tasuki_exec_output(const struct tasuki_exec *, struct dp_packet *,
                        odp_port_t);
void tasuki_exec_recirc(const struct tasuki_exec *, struct dp_packet *,
                        uint32_t recirc_id);

/* Datapath support, a member of struct dpif_backer_support an action. */
#define TASUKI_SUPPORT_FIELD(ATTR, NAME, TITLE) \
    DPIF_SUPPORT_FIELD(bool, NAME, TITLE)
#define TASUKI_SUPPORT_FIELDS TASUKI_ACTIONS(TASUKI_SUPPORT_FIELD)

TASUKI_ACTIONS(TASUKI_ACTION_DECL)

#endif /* TASUKI_ACTION_H */
