# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Our tests, as far as they are built with Open vSwitch.  tests/run runs them.

# Units: programs that use cmocka.

TASUKI_UNIT_TESTS =
EXTRA_PROGRAMS += $(TASUKI_UNIT_TESTS)
tasuki_unit_ldadd = lib/libopenvswitch.la -lcmocka

tcp_offset_unit_sources = \
	tests/unit/tcp-model.c \
	tests/unit/tcp-model.h \
	tests/unit/tcp-packet.c \
	tests/unit/tcp-packet.h
TASUKI_UNIT_TESTS += \
	tests/unit/test-check-tcp-seq \
	tests/unit/test-tcp-cut \
	tests/unit/test-tcp-offset \
	tests/unit/test-tcp-offset-packets \
	tests/unit/test-tcp-offset-random
tests_unit_test_check_tcp_seq_SOURCES = \
	tests/unit/test-check-tcp-seq.c $(tcp_offset_unit_sources)
tests_unit_test_check_tcp_seq_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_tcp_cut_SOURCES = \
	tests/unit/test-tcp-cut.c $(tcp_offset_unit_sources)
tests_unit_test_tcp_cut_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_tcp_offset_SOURCES = \
	tests/unit/test-tcp-offset.c $(tcp_offset_unit_sources)
tests_unit_test_tcp_offset_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_tcp_offset_packets_SOURCES = \
	tests/unit/test-tcp-offset-packets.c $(tcp_offset_unit_sources)
tests_unit_test_tcp_offset_packets_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_tcp_offset_random_SOURCES = \
	tests/unit/test-tcp-offset-random.c $(tcp_offset_unit_sources)
tests_unit_test_tcp_offset_random_LDADD = $(tasuki_unit_ldadd)

ipsec_tag_unit_sources = \
	tests/unit/tag-frame.c \
	tests/unit/tag-frame.h
TASUKI_UNIT_TESTS += \
	tests/unit/test-ipsec-tag \
	tests/unit/test-ipsec-tag-write
tests_unit_test_ipsec_tag_SOURCES = \
	tests/unit/test-ipsec-tag.c $(ipsec_tag_unit_sources)
tests_unit_test_ipsec_tag_LDADD = $(tasuki_unit_ldadd) -lm
tests_unit_test_ipsec_tag_write_SOURCES = \
	tests/unit/test-ipsec-tag-write.c $(ipsec_tag_unit_sources)
tests_unit_test_ipsec_tag_write_LDADD = $(tasuki_unit_ldadd)

fragment_sources = \
	tests/unit/fragment.c \
	tests/unit/fragment.h
TASUKI_UNIT_TESTS += tests/unit/test-close-later
tests_unit_test_close_later_SOURCES = tests/unit/test-close-later.c
tests_unit_test_close_later_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-settle
tests_unit_test_settle_SOURCES = tests/unit/test-settle.c
tests_unit_test_settle_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-defrag
tests_unit_test_defrag_SOURCES = tests/unit/test-defrag.c $(fragment_sources)
tests_unit_test_defrag_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-tasuki-forward
tests_unit_test_tasuki_forward_SOURCES = tests/unit/test-tasuki-forward.c
tests_unit_test_tasuki_forward_LDFLAGS = \
	-Wl,--wrap=time_msec -Wl,--wrap=dpif_run
tests_unit_test_tasuki_forward_LDADD = \
	ofproto/libofproto.la $(tasuki_unit_ldadd)

EXTRA_DIST += tests/unit/nat64-standards.txt
nat64_unit_sources = \
	tests/unit/nat64-frame.c \
	tests/unit/nat64-frame.h
TASUKI_UNIT_TESTS += \
	tests/unit/test-nat64-address \
	tests/unit/test-nat64-ethernet \
	tests/unit/test-nat64-header \
	tests/unit/test-nat64-icmp \
	tests/unit/test-nat64-inner \
	tests/unit/test-nat64-mtu \
	tests/unit/test-nat64-neigh \
	tests/unit/test-nat64-quote \
	tests/unit/test-nat64-transport
tests_unit_test_nat64_address_SOURCES = \
	tests/unit/test-nat64-address.c $(nat64_unit_sources)
tests_unit_test_nat64_address_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_ethernet_SOURCES = \
	tests/unit/test-nat64-ethernet.c $(nat64_unit_sources)
tests_unit_test_nat64_ethernet_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_header_SOURCES = \
	tests/unit/test-nat64-header.c $(nat64_unit_sources)
tests_unit_test_nat64_header_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_icmp_SOURCES = \
	tests/unit/test-nat64-icmp.c $(nat64_unit_sources)
tests_unit_test_nat64_icmp_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_inner_SOURCES = \
	tests/unit/test-nat64-inner.c $(nat64_unit_sources)
tests_unit_test_nat64_inner_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_mtu_SOURCES = \
	tests/unit/test-nat64-mtu.c $(nat64_unit_sources)
tests_unit_test_nat64_mtu_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_neigh_SOURCES = \
	tests/unit/test-nat64-neigh.c $(nat64_unit_sources)
tests_unit_test_nat64_neigh_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_quote_SOURCES = \
	tests/unit/test-nat64-quote.c $(nat64_unit_sources)
tests_unit_test_nat64_quote_LDADD = $(tasuki_unit_ldadd)
tests_unit_test_nat64_transport_SOURCES = \
	tests/unit/test-nat64-transport.c $(nat64_unit_sources)
tests_unit_test_nat64_transport_LDADD = $(tasuki_unit_ldadd)

tasukid_unit_cppflags = $(AM_CPPFLAGS)
tasukid_unit_ldadd = utilities/tasukid/libtasukid.la $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-glob
tests_unit_test_glob_SOURCES = tests/unit/test-glob.c
tests_unit_test_glob_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_glob_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-app
tests_unit_test_app_SOURCES = tests/unit/test-app.c
tests_unit_test_app_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_app_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-fair-queue
tests_unit_test_fair_queue_SOURCES = tests/unit/test-fair-queue.c
tests_unit_test_fair_queue_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_fair_queue_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-judge
tests_unit_test_handover_judge_SOURCES = tests/unit/test-handover-judge.c
tests_unit_test_handover_judge_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_judge_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-rows
tests_unit_test_handover_rows_SOURCES = tests/unit/test-handover-rows.c
tests_unit_test_handover_rows_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_rows_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-http-head
tests_unit_test_http_head_SOURCES = tests/unit/test-http-head.c
tests_unit_test_http_head_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_http_head_LDADD = $(tasukid_unit_ldadd)

# A switch without a connection, at a time that is not real.
ofswitch_ldflags = -Wl,--wrap=time_msec -Wl,--wrap=ofswitch_send
ofswitch_sources = \
	tests/unit/lone-switch.c \
	tests/unit/lone-switch.h

TASUKI_UNIT_TESTS += tests/unit/test-bypass
tests_unit_test_bypass_SOURCES = tests/unit/test-bypass.c $(ofswitch_sources)
tests_unit_test_bypass_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_bypass_LDFLAGS = $(ofswitch_ldflags) -Wl,--wrap=flow_set_add
tests_unit_test_bypass_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-events
tests_unit_test_events_SOURCES = \
	tests/unit/test-events.c $(ofswitch_sources)
tests_unit_test_events_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_events_LDFLAGS = $(ofswitch_ldflags)
tests_unit_test_events_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-inject
tests_unit_test_inject_SOURCES = tests/unit/test-inject.c $(ofswitch_sources)
tests_unit_test_inject_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_inject_LDFLAGS = $(ofswitch_ldflags) \
	-Wl,--wrap=ofswitch_packet_out
tests_unit_test_inject_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-neighbours
tests_unit_test_neighbours_SOURCES = \
	tests/unit/test-neighbours.c $(ofswitch_sources)
tests_unit_test_neighbours_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_neighbours_LDFLAGS = $(ofswitch_ldflags) \
	-Wl,--wrap=ofswitch_packet_out
tests_unit_test_neighbours_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-requests
tests_unit_test_requests_SOURCES = \
	tests/unit/test-requests.c $(ofswitch_sources)
tests_unit_test_requests_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_requests_LDFLAGS = $(ofswitch_ldflags)
tests_unit_test_requests_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-taps
tests_unit_test_taps_SOURCES = tests/unit/test-taps.c $(ofswitch_sources)
tests_unit_test_taps_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_taps_LDFLAGS = $(ofswitch_ldflags)
tests_unit_test_taps_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-timers
tests_unit_test_timers_SOURCES = tests/unit/test-timers.c
tests_unit_test_timers_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_timers_LDFLAGS = -Wl,--wrap=time_msec
tests_unit_test_timers_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-ipsec-balance
tests_unit_test_ipsec_balance_SOURCES = tests/unit/test-ipsec-balance.c
tests_unit_test_ipsec_balance_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_ipsec_balance_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-capture
tests_unit_test_mirror_capture_SOURCES = tests/unit/test-mirror-capture.c
tests_unit_test_mirror_capture_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_capture_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-skips
tests_unit_test_mirror_skips_SOURCES = tests/unit/test-mirror-skips.c
tests_unit_test_mirror_skips_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_skips_LDADD = $(tasukid_unit_ldadd)

# Those of tasuki-capture's that need neither libpcap nor libwiretap.
capture_sources = \
	utilities/tasuki-capture/direction.c \
	utilities/tasuki-capture/direction.h \
	utilities/tasuki-capture/held.c \
	utilities/tasuki-capture/held.h \
	utilities/tasuki-capture/series.c \
	utilities/tasuki-capture/series.h \
	utilities/tasuki-capture/skip-event.c \
	utilities/tasuki-capture/skip-event.h \
	utilities/tasuki-capture/skips-total.c \
	utilities/tasuki-capture/skips-total.h
TASUKI_UNIT_TESTS += tests/unit/test-tasuki-capture
tests_unit_test_tasuki_capture_SOURCES = \
	tests/unit/test-tasuki-capture.c $(capture_sources)
tests_unit_test_tasuki_capture_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-ipsec-load
tests_unit_test_ipsec_load_SOURCES = \
	tests/unit/test-ipsec-load.c $(ipsec_load_sources) $(ipsec_sources)
tests_unit_test_ipsec_load_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-ipsec-steer
tests_unit_test_ipsec_steer_SOURCES = \
	tests/unit/test-ipsec-steer.c $(ipsec_steer_sources)
tests_unit_test_ipsec_steer_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-ipsec-tunnel
tests_unit_test_ipsec_tunnel_SOURCES = \
	tests/unit/test-ipsec-tunnel.c $(ipsec_sources)
tests_unit_test_ipsec_tunnel_LDADD = $(tasuki_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-responder
tests_unit_test_responder_SOURCES = tests/unit/test-responder.c
tests_unit_test_responder_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_responder_LDADD = $(tasukid_unit_ldadd)

# The engine of mirrors, with a switch around it.
mirror_switch_sources = \
	tests/unit/mirror-switch.c \
	tests/unit/mirror-switch.h

TASUKI_UNIT_TESTS += tests/unit/test-mirror-engine
tests_unit_test_mirror_engine_SOURCES = \
	tests/unit/test-mirror-engine.c $(mirror_peer_sources)
tests_unit_test_mirror_engine_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_engine_LDADD = $(tasukid_unit_ldadd)

mirror_peer_sources = \
	$(mirror_switch_sources) \
	tests/unit/mirror-peer.c \
	tests/unit/mirror-peer.h
mirror_hosts_sources = \
	$(mirror_switch_sources) \
	tests/unit/mirror-hosts.c \
	tests/unit/mirror-hosts.h \
	tests/unit/mirror-session.c \
	tests/unit/mirror-session.h

TASUKI_UNIT_TESTS += tests/unit/test-mirror-lost
tests_unit_test_mirror_lost_SOURCES = \
	tests/unit/test-mirror-lost.c $(mirror_peer_sources)
tests_unit_test_mirror_lost_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_lost_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-other
tests_unit_test_mirror_other_SOURCES = \
	tests/unit/test-mirror-other.c $(mirror_peer_sources)
tests_unit_test_mirror_other_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_other_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-random
tests_unit_test_mirror_random_SOURCES = \
	tests/unit/test-mirror-random.c $(mirror_hosts_sources)
tests_unit_test_mirror_random_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_random_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-ranges
tests_unit_test_mirror_ranges_SOURCES = tests/unit/test-mirror-ranges.c
tests_unit_test_mirror_ranges_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_ranges_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-tcp
tests_unit_test_mirror_tcp_SOURCES = \
	tests/unit/test-mirror-tcp.c $(mirror_peer_sources)
tests_unit_test_mirror_tcp_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_tcp_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-rule-check
tests_unit_test_rule_check_SOURCES = tests/unit/test-rule-check.c
tests_unit_test_rule_check_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-mirror-row
tests_unit_test_mirror_row_SOURCES = tests/unit/test-mirror-row.c
tests_unit_test_mirror_row_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_mirror_row_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-tcp-hold
tests_unit_test_tcp_hold_SOURCES = tests/unit/test-tcp-hold.c
tests_unit_test_tcp_hold_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_tcp_hold_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-tcp-segment
tests_unit_test_tcp_segment_SOURCES = tests/unit/test-tcp-segment.c
tests_unit_test_tcp_segment_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_tcp_segment_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-tenant-row
tests_unit_test_tenant_row_SOURCES = tests/unit/test-tenant-row.c
tests_unit_test_tenant_row_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_tenant_row_LDADD = $(tasukid_unit_ldadd)

# The engine of the handover application, with a client and servers around it.
handover_net_sources = \
	tests/unit/fake-net.c \
	tests/unit/fake-net.h
handover_owner_sources = \
	$(handover_net_sources) \
	tests/unit/fake-owner.c \
	tests/unit/fake-owner.h
handover_peer_sources = \
	tests/unit/handover-peer.c \
	tests/unit/handover-peer.h
handover_hosts_sources = \
	$(handover_peer_sources) \
	tests/unit/handover-hosts.c \
	tests/unit/handover-hosts.h \
	tests/unit/tcp-host.c \
	tests/unit/tcp-host.h
handover_engine_peers = $(handover_owner_sources) $(handover_peer_sources)
handover_engine_hosts = $(handover_owner_sources) $(handover_hosts_sources)

TASUKI_UNIT_TESTS += tests/unit/test-handover
tests_unit_test_handover_SOURCES = \
	tests/unit/test-handover.c $(handover_engine_peers)
tests_unit_test_handover_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-clients
tests_unit_test_handover_clients_SOURCES = \
	tests/unit/test-handover-clients.c $(handover_engine_peers)
tests_unit_test_handover_clients_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_clients_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-ends
tests_unit_test_handover_ends_SOURCES = \
	tests/unit/test-handover-ends.c $(handover_engine_hosts)
tests_unit_test_handover_ends_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_ends_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-engine
tests_unit_test_handover_engine_SOURCES = \
	tests/unit/test-handover-engine.c $(handover_engine_peers)
tests_unit_test_handover_engine_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_engine_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-servers
tests_unit_test_handover_servers_SOURCES = \
	tests/unit/test-handover-servers.c $(handover_engine_peers)
tests_unit_test_handover_servers_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_servers_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-strangers
tests_unit_test_handover_strangers_SOURCES = \
	tests/unit/test-handover-strangers.c $(handover_engine_hosts)
tests_unit_test_handover_strangers_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_strangers_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-switches
tests_unit_test_handover_switches_SOURCES = \
	tests/unit/test-handover-switches.c $(handover_engine_peers)
tests_unit_test_handover_switches_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_switches_LDADD = $(tasukid_unit_ldadd)

# All of the application, on a switch and at a time that are not real.
handover_fake_sources = \
	$(handover_net_sources) \
	tests/unit/fake-switch.c \
	tests/unit/fake-switch.h
handover_app_peers = $(handover_fake_sources) $(handover_peer_sources)
handover_app_hosts = $(handover_fake_sources) $(handover_hosts_sources)
handover_ops_sources = \
	$(handover_fake_sources) \
	tests/unit/handover-ops.c \
	tests/unit/handover-ops.h
handover_ldflags = -Wl,--wrap=time_msec

TASUKI_UNIT_TESTS += tests/unit/test-handover-app-strangers
tests_unit_test_handover_app_strangers_SOURCES = \
	tests/unit/test-handover-strangers.c $(handover_app_hosts)
tests_unit_test_handover_app_strangers_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_app_strangers_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_app_strangers_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-app-switches
tests_unit_test_handover_app_switches_SOURCES = \
	tests/unit/test-handover-switches.c $(handover_app_peers)
tests_unit_test_handover_app_switches_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_app_switches_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_app_switches_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-arp
tests_unit_test_handover_arp_SOURCES = \
	tests/unit/test-handover-arp.c $(handover_fake_sources)
tests_unit_test_handover_arp_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_arp_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_arp_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-flows
tests_unit_test_handover_flows_SOURCES = \
	tests/unit/test-handover-flows.c $(handover_app_peers)
tests_unit_test_handover_flows_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_flows_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_flows_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-paths
tests_unit_test_handover_paths_SOURCES = \
	tests/unit/test-handover-paths.c $(handover_app_peers)
tests_unit_test_handover_paths_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_paths_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_paths_LDADD = $(tasukid_unit_ldadd)

TASUKI_UNIT_TESTS += tests/unit/test-handover-random
tests_unit_test_handover_random_SOURCES = \
	tests/unit/test-handover-random.c $(handover_ops_sources)
tests_unit_test_handover_random_CPPFLAGS = $(tasukid_unit_cppflags)
tests_unit_test_handover_random_LDFLAGS = $(handover_ldflags)
tests_unit_test_handover_random_LDADD = $(tasukid_unit_ldadd)

tasuki-unit-tests: $(TASUKI_UNIT_TESTS)
	@printf '%s\n' $(TASUKI_UNIT_TESTS) >tests/unit-tests.list
.PHONY: tasuki-unit-tests

# Fuzz targets: need a build with clang's -fsanitize=fuzzer-no-link.

TASUKI_FUZZERS =
EXTRA_PROGRAMS += $(TASUKI_FUZZERS)
tasuki_fuzz_ldflags = -fsanitize=fuzzer
tasuki_fuzz_ldadd = lib/libopenvswitch.la

TASUKI_FUZZERS += \
	tests/fuzz/fuzz-action-decode \
	tests/fuzz/fuzz-action-parse \
	tests/fuzz/fuzz-check-tcp-seq \
	tests/fuzz/fuzz-defrag \
	tests/fuzz/fuzz-ipsec-tag \
	tests/fuzz/fuzz-nat64 \
	tests/fuzz/fuzz-tcp-offset
EXTRA_DIST += \
	tests/fuzz/fuzz-action-parse.dict \
	tests/fuzz/fuzz-nat64.dict \
	tests/fuzz/fuzz-tcp-offset.dict
tests_fuzz_fuzz_action_decode_SOURCES = tests/fuzz/fuzz-action-decode.c
tests_fuzz_fuzz_action_decode_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_action_decode_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_action_parse_SOURCES = tests/fuzz/fuzz-action-parse.c
tests_fuzz_fuzz_action_parse_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_action_parse_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_defrag_SOURCES = \
	tests/fuzz/fuzz-defrag.c $(fragment_sources)
tests_fuzz_fuzz_defrag_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_defrag_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_check_tcp_seq_SOURCES = tests/fuzz/fuzz-check-tcp-seq.c
tests_fuzz_fuzz_check_tcp_seq_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_check_tcp_seq_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_ipsec_tag_SOURCES = tests/fuzz/fuzz-ipsec-tag.c
tests_fuzz_fuzz_ipsec_tag_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_ipsec_tag_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_nat64_SOURCES = tests/fuzz/fuzz-nat64.c
tests_fuzz_fuzz_nat64_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_nat64_LDADD = $(tasuki_fuzz_ldadd)
tests_fuzz_fuzz_tcp_offset_SOURCES = \
	tests/fuzz/fuzz-tcp-offset.c \
	tests/unit/tcp-model.c \
	tests/unit/tcp-model.h
tests_fuzz_fuzz_tcp_offset_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_tcp_offset_LDADD = $(tasuki_fuzz_ldadd)

tasukid_fuzz_ldadd = utilities/tasukid/libtasukid.la $(tasuki_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-http-judge
EXTRA_DIST += tests/fuzz/fuzz-http-judge.dict
tests_fuzz_fuzz_http_judge_SOURCES = tests/fuzz/fuzz-http-judge.c
tests_fuzz_fuzz_http_judge_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_http_judge_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_http_judge_LDADD = $(tasukid_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-mirror
EXTRA_DIST += tests/fuzz/fuzz-mirror.dict
tests_fuzz_fuzz_mirror_SOURCES = tests/fuzz/fuzz-mirror.c
tests_fuzz_fuzz_mirror_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_mirror_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_mirror_LDADD = $(tasukid_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-openflow
tests_fuzz_fuzz_openflow_SOURCES = tests/fuzz/fuzz-openflow.c
tests_fuzz_fuzz_openflow_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_openflow_LDFLAGS = \
	$(tasuki_fuzz_ldflags) -Wl,--wrap=ofswitch_send
tests_fuzz_fuzz_openflow_LDADD = $(tasukid_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-handover-segment
tests_fuzz_fuzz_handover_segment_SOURCES = tests/fuzz/fuzz-handover-segment.c
tests_fuzz_fuzz_handover_segment_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_handover_segment_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_handover_segment_LDADD = $(tasukid_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-skip-event
EXTRA_DIST += tests/fuzz/fuzz-skip-event.dict
tests_fuzz_fuzz_skip_event_SOURCES = \
	tests/fuzz/fuzz-skip-event.c $(capture_sources)
tests_fuzz_fuzz_skip_event_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_skip_event_LDADD = $(tasuki_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-ipsec
EXTRA_DIST += tests/fuzz/fuzz-ipsec.dict
tests_fuzz_fuzz_ipsec_SOURCES = tests/fuzz/fuzz-ipsec.c $(ipsec_sources)
tests_fuzz_fuzz_ipsec_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_ipsec_LDADD = $(tasuki_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-responder
tests_fuzz_fuzz_responder_SOURCES = tests/fuzz/fuzz-responder.c
tests_fuzz_fuzz_responder_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_responder_LDFLAGS = $(tasuki_fuzz_ldflags)
tests_fuzz_fuzz_responder_LDADD = $(tasukid_fuzz_ldadd)

TASUKI_FUZZERS += tests/fuzz/fuzz-handover
tests_fuzz_fuzz_handover_SOURCES = \
	tests/fuzz/fuzz-handover.c $(handover_ops_sources)
tests_fuzz_fuzz_handover_CPPFLAGS = $(tasukid_unit_cppflags)
tests_fuzz_fuzz_handover_LDFLAGS = \
	$(tasuki_fuzz_ldflags) $(handover_ldflags)
tests_fuzz_fuzz_handover_LDADD = $(tasukid_fuzz_ldadd)

tasuki-fuzzers: $(TASUKI_FUZZERS)
	@printf '%s\n' $(TASUKI_FUZZERS) >tests/fuzzers.list
.PHONY: tasuki-fuzzers

# Protocol and command line: Autotest, with upstream's macros.

TASUKI_TESTSUITE_AT = \
	tests/protocol/defrag.at \
	tests/protocol/frames-macros.at \
	tests/protocol/fake-switch.py \
	tests/protocol/many-ports.at \
	tests/protocol/nat64-datapath.at \
	tests/protocol/nat64-flows.at \
	tests/protocol/nat64-openflow.at \
	tests/protocol/nat64-tunnel.at \
	tests/protocol/nat64-wire.at \
	tests/protocol/tasukid.at \
	tests/protocol/tasuki-ctl-ipsec.at \
	tests/protocol/tasuki-ctl-mirror.at \
	tests/protocol/tasuki-capture.at \
	tests/protocol/tasuki-ctl-tenant.at \
	tests/protocol/tasuki-ctl.at \
	tests/protocol/tasuki-hook.at \
	tests/protocol/tasuki-ipsec-steer.at \
	tests/protocol/tasuki-ipsec.at \
	tests/protocol/tasukid-forward.at \
	tests/protocol/tasukid-macros.at \
	tests/protocol/tasukid-ports.at \
	tests/protocol/tasukid-ipsec.at \
	tests/protocol/tasukid-mirror.at \
	tests/protocol/tasukid-requests.at \
	tests/protocol/tasukid-responder.at \
	tests/protocol/tasukid-tenant.at \
	tests/protocol/check-tcp-seq.at \
	tests/protocol/ipsec-tag-datapath.at \
	tests/protocol/ipsec-tag-openflow.at \
	tests/protocol/tcp-offset-datapath.at \
	tests/protocol/tcp-offset-flows.at \
	tests/protocol/tcp-offset-openflow.at \
	tests/protocol/tcp-offset-wire.at \
	tests/tasuki-testsuite.at
EXTRA_DIST += \
	$(TASUKI_TESTSUITE_AT) \
	tests/protocol/frames.py \
	tests/protocol/openflow.py \
	tests/protocol/packets.py \
	tests/protocol/passes.py \
	tests/protocol/tags.py
TASUKI_TESTSUITE = $(srcdir)/tests/tasuki-testsuite

$(TASUKI_TESTSUITE): package.m4 $(TASUKI_TESTSUITE_AT) $(COMMON_MACROS_AT)
	$(AM_V_GEN)$(AUTOTEST) -I '$(srcdir)' -o $@.tmp $@.at
	$(AM_V_at)mv $@.tmp $@

noinst_PROGRAMS += tests/protocol/ask-switch
tests_protocol_ask_switch_SOURCES = \
	tests/protocol/ask-switch.c $(ofswitch_sources)
tests_protocol_ask_switch_CPPFLAGS = $(tasukid_unit_cppflags)
tests_protocol_ask_switch_LDADD = \
	utilities/tasukid/libtasukid.la lib/libopenvswitch.la

noinst_PROGRAMS += tests/protocol/want-ports
tests_protocol_want_ports_SOURCES = tests/protocol/want-ports.c
tests_protocol_want_ports_CPPFLAGS = $(tasukid_unit_cppflags)
tests_protocol_want_ports_LDFLAGS = -Wl,--wrap=config_has_lock
tests_protocol_want_ports_LDADD = \
	utilities/tasukid/libtasukid.la lib/libopenvswitch.la

# The programs that they run, for a build that need not have all.
tasuki-programs: $(BUILT_SOURCES) config.h
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) $(SCRIPTS) $(filter-out \
		tests/test-% vtep/% utilities/nlmon% \
		utilities/ovs-testcontroller%,$(PROGRAMS))
.PHONY: tasuki-programs

check-tasuki: tasuki-programs tests/atconfig tests/atlocal $(check_PROGRAMS) $(check_DATA) $(TASUKI_TESTSUITE)
	set $(SHELL) '$(TASUKI_TESTSUITE)' -C tests \
		AUTOTEST_PATH='$(AUTOTEST_PATH):utilities/tasukid:utilities/tasuki-capture:utilities/tasuki-ctl:utilities/tasuki-hook:utilities/tasuki-ipsec'; \
	"$$@" $(TESTSUITEFLAGS) || \
	(test X'$(RECHECK)' = Xyes && "$$@" --recheck)
.PHONY: check-tasuki
