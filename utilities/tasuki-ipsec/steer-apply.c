/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "steer-apply.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "ethtool.h"
#include "openvswitch/json.h"
#include "packets.h"
#include "steer-state.h"
#include "sysfs.h"
#include "tc.h"
#include "util.h"

#define ALL_FIELDS (RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3)

/* Filters, as ethtool has them. */

static void
spec_set_ipv4(struct ethtool_rx_flow_spec *spec, const struct steer_step *step)
{
    ovs_be32 src = in6_addr_get_mapped_ipv4(&step->flow.src);
    ovs_be32 dst = in6_addr_get_mapped_ipv4(&step->flow.dst);

    if (step->key == STEER_SPI) {
        spec->flow_type = ESP_V4_FLOW;
        spec->h_u.esp_ip4_spec.ip4dst = (OVS_FORCE uint32_t) dst;
        spec->m_u.esp_ip4_spec.ip4dst = UINT32_MAX;
        spec->h_u.esp_ip4_spec.spi = (OVS_FORCE uint32_t) step->flow.spi;
        spec->m_u.esp_ip4_spec.spi = UINT32_MAX;
        return;
    }

    /* Both kinds have the addresses in the same place. */
    spec->flow_type = step->key == STEER_PORT ? UDP_V4_FLOW : IP_USER_FLOW;
    spec->h_u.udp_ip4_spec.ip4src = (OVS_FORCE uint32_t) src;
    spec->m_u.udp_ip4_spec.ip4src = UINT32_MAX;
    spec->h_u.udp_ip4_spec.ip4dst = (OVS_FORCE uint32_t) dst;
    spec->m_u.udp_ip4_spec.ip4dst = UINT32_MAX;
    if (step->key == STEER_PORT) {
        spec->h_u.udp_ip4_spec.psrc = (OVS_FORCE uint16_t) step->flow.src_port;
        spec->m_u.udp_ip4_spec.psrc = UINT16_MAX;
        spec->h_u.udp_ip4_spec.pdst = (OVS_FORCE uint16_t) step->flow.dst_port;
        spec->m_u.udp_ip4_spec.pdst = UINT16_MAX;
    } else {
        spec->h_u.usr_ip4_spec.ip_ver = ETH_RX_NFC_IP4;
    }
}

static void
spec_set_ipv6(struct ethtool_rx_flow_spec *spec, const struct steer_step *step)
{
    const struct sa_flow *flow = &step->flow;

    if (step->key == STEER_SPI) {
        spec->flow_type = ESP_V6_FLOW;
        memcpy(spec->h_u.esp_ip6_spec.ip6dst, &flow->dst, 16);
        memset(spec->m_u.esp_ip6_spec.ip6dst, 0xff, 16);
        spec->h_u.esp_ip6_spec.spi = (OVS_FORCE uint32_t) flow->spi;
        spec->m_u.esp_ip6_spec.spi = UINT32_MAX;
        return;
    }

    spec->flow_type = step->key == STEER_PORT ? UDP_V6_FLOW : IPV6_USER_FLOW;
    memcpy(spec->h_u.udp_ip6_spec.ip6src, &flow->src, 16);
    memset(spec->m_u.udp_ip6_spec.ip6src, 0xff, 16);
    memcpy(spec->h_u.udp_ip6_spec.ip6dst, &flow->dst, 16);
    memset(spec->m_u.udp_ip6_spec.ip6dst, 0xff, 16);
    if (step->key == STEER_PORT) {
        spec->h_u.udp_ip6_spec.psrc = (OVS_FORCE uint16_t) flow->src_port;
        spec->m_u.udp_ip6_spec.psrc = UINT16_MAX;
        spec->h_u.udp_ip6_spec.pdst = (OVS_FORCE uint16_t) flow->dst_port;
        spec->m_u.udp_ip6_spec.pdst = UINT16_MAX;
    }
}

static void
make_spec(struct ethtool_rx_flow_spec *spec, const struct steer_step *step)
{
    memset(spec, 0, sizeof *spec);
    if (IN6_IS_ADDR_V4MAPPED(&step->flow.dst)) {
        spec_set_ipv4(spec, step);
    } else {
        spec_set_ipv6(spec, step);
    }
    spec->ring_cookie = step->queue;
    spec->location = step->location;
}

static uint32_t
fields_flow_type(const struct steer_step *step)
{
    return (step->key == STEER_PORT
            ? (step->ipv6 ? UDP_V6_FLOW : UDP_V4_FLOW)
            : (step->ipv6 ? ESP_V6_FLOW : ESP_V4_FLOW));
}

/* What is kept of a step: enough to undo it, and to see whether it is still
 * there. */

static long long int
get_integer(const struct json *record, const char *name)
{
    const struct json *value = shash_find_data(json_object(record), name);

    return value && value->type == JSON_INTEGER ? value->integer : 0;
}

static const char *
get_string(const struct json *record, const char *name)
{
    const struct json *value = shash_find_data(json_object(record), name);

    return value && value->type == JSON_STRING ? json_string(value) : "";
}

/* Returns what is to be kept of 'step'. */
static struct json *
make_record(const struct nic *nic, const struct steer_step *step)
{
    struct json *record = json_object_create();
    struct ethtool_rx_flow_spec spec;
    uint64_t fields;

    json_object_put(record, "kind", json_integer_create(step->kind));
    switch (step->kind) {
    case STEP_NTUPLE:
    case STEP_CLSACT:
    case STEP_SKBEDIT:
        break;

    case STEP_FILTER:
        make_spec(&spec, step);
        json_object_put(record, "flow_type",
                        json_integer_create(spec.flow_type));
        json_object_put(record, "queue", json_integer_create(step->queue));
        json_object_put(record, "location",
                        json_integer_create(step->location));
        break;

    case STEP_FIELDS:
        ethtool_get_fields(nic->name, fields_flow_type(step), &fields);
        json_object_put(record, "flow_type",
                        json_integer_create(fields_flow_type(step)));
        json_object_put(record, "was", json_integer_create(fields));
        break;

    case STEP_RPS:
        json_object_put(record, "queue", json_integer_create(step->queue));
        json_object_put_string(record, "was", nic->rps_cpus[step->queue]);
        json_object_put_string(record, "is", step->cpus);
        break;
    }
    return record;
}

static struct json *
make_records(const struct nic *nic, const struct steer_plan *plan)
{
    struct json *records = json_array_create_empty();

    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct steer_step *step = &plan->steps[i];

        /* All filters of tc's are undone by one command. */
        if (step->kind != STEP_SKBEDIT || i + 1 == plan->n_steps) {
            json_array_add(records, make_record(nic, step));
        }
    }
    return records;
}

static char *
step_error(const struct nic *nic, const struct steer_step *step, int error)
{
    if (!error) {
        return NULL;
    }
    char *command = steer_step_command(step, nic->name);
    char *s = xasprintf("%s: %s", command, ovs_strerror(error));
    free(command);
    return s;
}

static char *
apply_tc(const struct nic *nic, const struct steer_step *step)
{
    char *command = steer_step_command(step, nic->name);
    char *error = tc_run(command, NULL);

    free(command);
    return error;
}

static char *
apply_step(const struct nic *nic, const struct steer_step *step)
{
    struct ethtool_rx_flow_spec spec;
    int error = 0;

    switch (step->kind) {
    case STEP_NTUPLE:
        error = ethtool_set_ntuple(nic->name, true);
        break;

    case STEP_FILTER:
        make_spec(&spec, step);
        error = ethtool_add_filter(nic->name, &spec);
        break;

    case STEP_FIELDS:
        error = ethtool_set_fields(nic->name, fields_flow_type(step),
                                   ALL_FIELDS);
        break;

    case STEP_RPS:
        error = sysfs_write_rps(nic->name, step->queue, step->cpus);
        break;

    case STEP_CLSACT:
    case STEP_SKBEDIT:
        return apply_tc(nic, step);
    }
    return step_error(nic, step, error);
}

/* Undoing.  Each function returns 0 or a positive errno value. */

static int
undo_ntuple(const char *name)
{
    unsigned int n_rules;
    uint32_t *used;
    size_t n_used;

    /* Not if somebody else has filters now. */
    ethtool_list_filters(name, &used, &n_used, &n_rules);
    free(used);
    return n_used ? 0 : ethtool_set_ntuple(name, false);
}

static int
undo_filter(const char *name, const struct json *record, struct svec *words)
{
    uint32_t location = get_integer(record, "location");
    struct ethtool_rx_flow_spec spec;

    if (ethtool_get_filter(name, location, &spec)) {
        return 0;               /* It has gone, or never was. */
    }
    if ((spec.flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS))
        != get_integer(record, "flow_type")
        || spec.ring_cookie != get_integer(record, "queue")) {
        svec_add_nocopy(words, xasprintf("%s: filter %"PRIu32" is somebody "
                                         "else's now and stays.",
                                         name, location));
        return 0;
    }
    return ethtool_delete_filter(name, location);
}

static int
undo_fields(const char *name, const struct json *record)
{
    uint32_t flow_type = get_integer(record, "flow_type");
    uint64_t fields;
    int error = ethtool_get_fields(name, flow_type, &fields);

    return (error || fields != ALL_FIELDS
            ? error
            : ethtool_set_fields(name, flow_type, get_integer(record, "was")));
}

static int
undo_rps(const char *name, const struct json *record, struct svec *words)
{
    unsigned int queue = get_integer(record, "queue");
    const char *was = get_string(record, "was");
    char *cpus = sysfs_read_rps(name, queue);
    int error = 0;

    if (!cpus) {
        return 0;               /* The queue has gone. */
    }
    if (cpus_equal(cpus, get_string(record, "is"))) {
        error = sysfs_write_rps(name, queue, was);
    } else if (!cpus_equal(cpus, was)) {
        svec_add_nocopy(words, xasprintf("%s: somebody else has set the CPUs "
                                         "of queue %u, to %s; they stay.",
                                         name, queue, cpus));
    }
    free(cpus);
    return error;
}

static char *
undo_skbedit(const char *name)
{
    if (!tc_has_clsact(name)
        || !tc_shows("", "tc filter show dev %s egress pref %d",
                     name, STEER_PREF)) {
        return NULL;
    }
    char *command = xasprintf("tc filter del dev %s egress pref %d",
                              name, STEER_PREF);
    char *error = tc_run(command, NULL);
    free(command);
    return error;
}

static char *
undo_clsact(const char *name)
{
    /* Not if somebody else has filters now. */
    if (!tc_has_clsact(name)
        || tc_shows("", "tc filter show dev %s egress", name)
        || tc_shows("", "tc filter show dev %s ingress", name)) {
        return NULL;
    }
    char *command = xasprintf("tc qdisc del dev %s clsact", name);
    char *error = tc_run(command, NULL);
    free(command);
    return error;
}

static char *
undo_record(const char *name, const struct json *record, struct svec *words)
{
    enum step_kind kind;
    int error = 0;

    if (record->type != JSON_OBJECT) {
        return NULL;
    }
    kind = get_integer(record, "kind");
    switch (kind) {
    case STEP_NTUPLE:
        error = undo_ntuple(name);
        break;

    case STEP_FILTER:
        error = undo_filter(name, record, words);
        break;

    case STEP_FIELDS:
        error = undo_fields(name, record);
        break;

    case STEP_RPS:
        error = undo_rps(name, record, words);
        break;

    case STEP_CLSACT:
        return undo_clsact(name);

    case STEP_SKBEDIT:
        return undo_skbedit(name);
    }
    return error ? xasprintf("%s: %s", name, ovs_strerror(error)) : NULL;
}

/* Undoes the last ones first, all that can be.  Returns null or the first
 * error. */
static char *
undo_records(const char *name, const struct json *records, struct svec *words)
{
    const struct json_array *array = json_array(records);
    char *first = NULL;

    for (size_t i = array->n; i-- > 0; ) {
        char *error = undo_record(name, array->elems[i], words);

        if (!first) {
            first = error;
        } else {
            free(error);
        }
    }
    return first;
}

/* Returns null if nobody else uses what the steps need for themselves. */
static char *
check_free(const struct nic *nic, const struct steer_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i].kind == STEP_SKBEDIT && tc_has_clsact(nic->name)
            && tc_shows("", "tc filter show dev %s egress pref %d",
                        nic->name, STEER_PREF)) {
            return xasprintf("%s: somebody else has egress filters of "
                             "preference %d", nic->name, STEER_PREF);
        }
    }
    return NULL;
}

static char *
apply_locked(const struct steer_state *state, const struct nic *nic,
             const struct steer_plan *plan)
{
    char *error = check_free(nic, plan);

    if (error || !plan->n_steps) {
        return error;
    }

    struct json *records = steer_state_read(state, &error);
    if (records || error) {
        json_destroy(records);
        return error ? error : xasprintf("%s: is steered already", nic->name);
    }

    records = make_records(nic, plan);
    error = steer_state_write(state, records);
    if (!error) {
        for (size_t i = 0; i < plan->n_steps && !error; i++) {
            error = apply_step(nic, &plan->steps[i]);
        }
        if (error) {
            struct svec words = SVEC_EMPTY_INITIALIZER;
            char *second = undo_records(nic->name, records, &words);

            if (!second) {
                second = steer_state_write(state, NULL);
            }
            free(second);
            svec_destroy(&words);
        }
    }
    json_destroy(records);
    return error;
}

char *
steer_apply(const struct nic *nic, const struct steer_plan *plan)
{
    struct steer_state state;
    char *error = steer_state_open(&state, nic->name);

    if (!error) {
        error = apply_locked(&state, nic, plan);
        steer_state_close(&state);
    }
    return error;
}

static char *
undo_locked(const struct steer_state *state, const char *name,
            struct svec *words)
{
    char *error;
    struct json *records = steer_state_read(state, &error);

    if (!records) {
        return error;
    }
    /* What belonged to an interface went with it. */
    error = if_nametoindex(name) ? undo_records(name, records, words) : NULL;
    if (!error) {
        error = steer_state_write(state, NULL);
    }
    json_destroy(records);
    return error;
}

char *
steer_undo(const char *name, struct svec *words)
{
    struct steer_state state;
    char *error = steer_state_open(&state, name);

    if (!error) {
        error = undo_locked(&state, name, words);
        steer_state_close(&state);
    }
    return error;
}
