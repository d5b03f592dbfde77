/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_COUNTERS_H
#define TASUKID_HANDOVER_COUNTERS_H 1

/* What is counted for each service and switch: X(ENUMERATOR, NAME,
 * DESCRIPTION).  A NAME that begins with "drop_" counts packets that were
 * dropped. */
#define HANDOVER_COUNTERS(X) \
    X(CONNECTIONS, "connections", "SYNs that opened a connection") \
    X(KEPT, "kept", "connections that stayed on the first server") \
    X(MOVED, "moved", "connections handed over to another server") \
    X(ADOPTED, "adopted", "connections found in the switch") \
    X(ORPHANS, "orphans", "connections joined in the middle") \
    X(FINISHED, "finished", "connections that left the switch again") \
    X(BY_RULE, "by_rule", "requests that a rule matched") \
    X(BY_DEFAULT, "by_default", "requests that no rule matched") \
    X(NOT_HTTP, "not_http", "first bytes that are no HTTP/1 request") \
    X(INSPECT_TIMEOUT, "inspect_timeout", "requests that took too long") \
    X(INSPECT_LIMIT, "inspect_limit", "requests with too long a head") \
    X(HELD_LIMIT, "held_limit", "not inspected for want of memory") \
    X(CLIENT_FIN, "client_fin", "clients that closed before a request") \
    X(SERVER_SPOKE, "server_spoke", "servers that spoke before a request") \
    X(OVERLOAD, "overload", "not inspected for too many connections") \
    X(REFUSED, "refused", "handshakes that a server refused") \
    X(SILENT, "silent", "handshakes that a server did not answer") \
    X(REPLAY_FAILED, "replay_failed", "stayed because no other answered") \
    X(NO_SERVER, "no_server", "connections that no server took") \
    X(CLIENT_RESET, "client_reset", "reset by the client before a choice") \
    X(SERVER_RESET, "server_reset", "reset by the first server before that") \
    X(HALF_OPEN_TIMEOUT, "half_open_timeout", "handshakes never finished") \
    X(IDLE_TIMEOUT, "idle_timeout", "clients that never sent anything") \
    X(EVICTED, "evicted", "half-open ones that made room for others") \
    X(DELIVER_FAILED, "deliver_failed", "held data never acknowledged") \
    X(TS_LOST, "ts_lost", "moved to a server without timestamps") \
    X(FRAG_NEEDED, "frag_needed", "clients told of a smaller MTU") \
    X(LATE_CLIENT, "late_client", "client segments that missed their flow") \
    X(LATE_SERVER, "late_server", "server segments that missed their flow") \
    X(REINSTALLED, "reinstalled", "flows installed again") \
    X(RELOCATED, "relocated", "hosts that moved to another port or MAC") \
    X(FLOW_FAILED, "flow_failed", "flows that the switch refused") \
    X(COLLIDED, "collided", "ports that a server has another use for") \
    X(CHALLENGES, "challenges", "servers asked if they have a connection") \
    X(DIRECT, "direct", "hosts that talk to a server directly") \
    X(ICMP, "icmp", "ICMP errors passed on to a server") \
    X(DROP_NOT_TCP, "drop_not_tcp", "not TCP over IPv4") \
    X(DROP_TRUNCATED, "drop_truncated", "longer than it is") \
    X(DROP_FRAGMENT, "drop_fragment", "IP fragments") \
    X(DROP_BAD_HEADER, "drop_bad_header", "impossible header") \
    X(DROP_BAD_CSUM, "drop_bad_csum", "wrong checksum") \
    X(DROP_CONN_LIMIT, "drop_conn_limit", "SYNs above max_connections") \
    X(DROP_HOLD, "drop_hold", "payload that could not be held") \
    X(DROP_UNEXPECTED, "drop_unexpected", "not acceptable in this state") \
    X(DROP_STALE, "drop_stale", "from a server no longer in charge") \
    X(DROP_ORPHAN, "drop_orphan", "segments without a connection") \
    X(DROP_LOCATION, "drop_location", "from where ARP found nobody") \
    X(DROP_NO_SERVER, "drop_no_server", "SYNs while there is no server") \
    X(DROP_ICMP, "drop_icmp", "ICMP errors about no connection") \
    X(DROP_ARP, "drop_arp", "ARP that claims a service's address")

enum handover_counter {
#define HANDOVER_COUNTER_ENUM(ENUMERATOR, NAME, DESCRIPTION) HC_##ENUMERATOR,
    HANDOVER_COUNTERS(HANDOVER_COUNTER_ENUM)
#undef HANDOVER_COUNTER_ENUM
    HC_N
};

const char *handover_counter_name(enum handover_counter);
const char *handover_counter_description(enum handover_counter);

struct engine;
struct service;

/* Counts an event for 'service', or for the engine if that is null. */
void engine_count(struct engine *, struct service *, enum handover_counter);

#endif /* counters.h */
