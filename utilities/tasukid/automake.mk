# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# tasukid and the schema of its database.

# Bindings to the database.
OVSIDL_BUILT += \
	utilities/tasukid/tasuki-idl.c \
	utilities/tasukid/tasuki-idl.h \
	utilities/tasukid/tasuki-idl.ovsidl
EXTRA_DIST += utilities/tasukid/tasuki-idl.ann
TASUKI_IDL_FILES = \
	$(srcdir)/utilities/tasukid/tasuki.ovsschema \
	$(srcdir)/utilities/tasukid/tasuki-idl.ann
utilities/tasukid/tasuki-idl.ovsidl: $(TASUKI_IDL_FILES)
	$(AM_V_GEN)$(OVSDB_IDLC) annotate $(TASUKI_IDL_FILES) > $@.tmp && \
	mv $@.tmp $@

EXTRA_DIST += utilities/tasukid/tasuki.ovsschema
pkgdata_DATA += utilities/tasukid/tasuki.ovsschema

# The version number must change with the schema.
ALL_LOCAL += utilities/tasukid/tasuki.ovsschema.stamp
utilities/tasukid/tasuki.ovsschema.stamp: utilities/tasukid/tasuki.ovsschema
	$(AM_V_GEN)$(srcdir)/build-aux/cksum-schema-check \
		$(srcdir)/utilities/tasukid/tasuki.ovsschema $@
CLEANFILES += utilities/tasukid/tasuki.ovsschema.stamp

# All of tasukid but main(), so that unit tests and fuzz targets can have it.
noinst_LTLIBRARIES += utilities/tasukid/libtasukid.la
utilities_tasukid_libtasukid_la_SOURCES = \
	utilities/tasukid/apps/apps.c \
	utilities/tasukid/apps/apps.h \
	utilities/tasukid/apps/forward/flows.c \
	utilities/tasukid/apps/forward/flows.h \
	utilities/tasukid/apps/forward/forward.c \
	utilities/tasukid/apps/forward/forward.h \
	utilities/tasukid/apps/forward/show.c \
	utilities/tasukid/apps/handover/engine/adopt.c \
	utilities/tasukid/apps/handover/engine/challenge.c \
	utilities/tasukid/apps/handover/engine/challenge.h \
	utilities/tasukid/apps/handover/engine/conn.c \
	utilities/tasukid/apps/handover/engine/conn.h \
	utilities/tasukid/apps/handover/engine/counters.c \
	utilities/tasukid/apps/handover/engine/counters.h \
	utilities/tasukid/apps/handover/engine/dispatch.c \
	utilities/tasukid/apps/handover/engine/ending.c \
	utilities/tasukid/apps/handover/engine/ending.h \
	utilities/tasukid/apps/handover/engine/engine.c \
	utilities/tasukid/apps/handover/engine/engine.h \
	utilities/tasukid/apps/handover/engine/entry.c \
	utilities/tasukid/apps/handover/engine/entry.h \
	utilities/tasukid/apps/handover/engine/forwarded.c \
	utilities/tasukid/apps/handover/engine/forwarded.h \
	utilities/tasukid/apps/handover/engine/glob.c \
	utilities/tasukid/apps/handover/engine/glob.h \
	utilities/tasukid/apps/handover/engine/handshake.c \
	utilities/tasukid/apps/handover/engine/handshake.h \
	utilities/tasukid/apps/handover/engine/icmp.c \
	utilities/tasukid/apps/handover/engine/inspect.c \
	utilities/tasukid/apps/handover/engine/inspect.h \
	utilities/tasukid/apps/handover/engine/judge.c \
	utilities/tasukid/apps/handover/engine/judge.h \
	utilities/tasukid/apps/handover/engine/life.c \
	utilities/tasukid/apps/handover/engine/life.h \
	utilities/tasukid/apps/handover/engine/machine.c \
	utilities/tasukid/apps/handover/engine/machine.h \
	utilities/tasukid/apps/handover/engine/member.c \
	utilities/tasukid/apps/handover/engine/pair.c \
	utilities/tasukid/apps/handover/engine/pair.h \
	utilities/tasukid/apps/handover/engine/pattern-set.c \
	utilities/tasukid/apps/handover/engine/pattern-set.h \
	utilities/tasukid/apps/handover/engine/rate.h \
	utilities/tasukid/apps/handover/engine/replay.c \
	utilities/tasukid/apps/handover/engine/replay.h \
	utilities/tasukid/apps/handover/engine/rule-check.c \
	utilities/tasukid/apps/handover/engine/rule-check.h \
	utilities/tasukid/apps/handover/engine/rules.c \
	utilities/tasukid/apps/handover/engine/rules.h \
	utilities/tasukid/apps/handover/engine/service.c \
	utilities/tasukid/apps/handover/engine/service.h \
	utilities/tasukid/apps/handover/engine/try.c \
	utilities/tasukid/apps/handover/engine/try.h \
	utilities/tasukid/apps/handover/flows.c \
	utilities/tasukid/apps/handover/flows.h \
	utilities/tasukid/apps/handover/fragments.c \
	utilities/tasukid/apps/handover/fragments.h \
	utilities/tasukid/apps/handover/handover.c \
	utilities/tasukid/apps/handover/handover.h \
	utilities/tasukid/apps/handover/neigh.c \
	utilities/tasukid/apps/handover/neigh.h \
	utilities/tasukid/apps/handover/service-check.c \
	utilities/tasukid/apps/handover/service-check.h \
	utilities/tasukid/apps/handover/service-config.c \
	utilities/tasukid/apps/handover/service-config.h \
	utilities/tasukid/apps/handover/show.c \
	utilities/tasukid/apps/handover/show.h \
	utilities/tasukid/apps/ipsec/engine/balance.c \
	utilities/tasukid/apps/ipsec/engine/choose.c \
	utilities/tasukid/apps/ipsec/engine/choose.h \
	utilities/tasukid/apps/ipsec/engine/engine.h \
	utilities/tasukid/apps/ipsec/engine/load.c \
	utilities/tasukid/apps/ipsec/engine/load.h \
	utilities/tasukid/apps/ipsec/engine/rate.c \
	utilities/tasukid/apps/ipsec/group.c \
	utilities/tasukid/apps/ipsec/group.h \
	utilities/tasukid/apps/ipsec/ipsec.c \
	utilities/tasukid/apps/ipsec/ipsec.h \
	utilities/tasukid/apps/ipsec/row.c \
	utilities/tasukid/apps/ipsec/row.h \
	utilities/tasukid/apps/ipsec/show.c \
	utilities/tasukid/apps/ipsec/status.c \
	utilities/tasukid/apps/ipsec/status.h \
	utilities/tasukid/apps/mirror/capture.c \
	utilities/tasukid/apps/mirror/capture.h \
	utilities/tasukid/apps/mirror/effect.c \
	utilities/tasukid/apps/mirror/effect.h \
	utilities/tasukid/apps/mirror/engine/conn.c \
	utilities/tasukid/apps/mirror/engine/conn.h \
	utilities/tasukid/apps/mirror/engine/datagram.c \
	utilities/tasukid/apps/mirror/engine/datagram.h \
	utilities/tasukid/apps/mirror/engine/engine.c \
	utilities/tasukid/apps/mirror/engine/engine.h \
	utilities/tasukid/apps/mirror/engine/entries.c \
	utilities/tasukid/apps/mirror/engine/entries.h \
	utilities/tasukid/apps/mirror/engine/http.c \
	utilities/tasukid/apps/mirror/engine/http.h \
	utilities/tasukid/apps/mirror/engine/life.c \
	utilities/tasukid/apps/mirror/engine/life.h \
	utilities/tasukid/apps/mirror/engine/message.c \
	utilities/tasukid/apps/mirror/engine/message.h \
	utilities/tasukid/apps/mirror/engine/other.c \
	utilities/tasukid/apps/mirror/engine/other.h \
	utilities/tasukid/apps/mirror/engine/polls.c \
	utilities/tasukid/apps/mirror/engine/polls.h \
	utilities/tasukid/apps/mirror/engine/progress.h \
	utilities/tasukid/apps/mirror/engine/ranges.c \
	utilities/tasukid/apps/mirror/engine/ranges.h \
	utilities/tasukid/apps/mirror/engine/reader.c \
	utilities/tasukid/apps/mirror/engine/reader.h \
	utilities/tasukid/apps/mirror/engine/skip.c \
	utilities/tasukid/apps/mirror/engine/skip.h \
	utilities/tasukid/apps/mirror/engine/stream.c \
	utilities/tasukid/apps/mirror/engine/stream.h \
	utilities/tasukid/apps/mirror/engine/tcp.c \
	utilities/tasukid/apps/mirror/engine/tcp.h \
	utilities/tasukid/apps/mirror/engine/tls.c \
	utilities/tasukid/apps/mirror/engine/tls.h \
	utilities/tasukid/apps/mirror/engine/unknown.c \
	utilities/tasukid/apps/mirror/engine/unknown.h \
	utilities/tasukid/apps/mirror/entries.c \
	utilities/tasukid/apps/mirror/entries.h \
	utilities/tasukid/apps/mirror/flows.c \
	utilities/tasukid/apps/mirror/flows.h \
	utilities/tasukid/apps/mirror/held.c \
	utilities/tasukid/apps/mirror/held.h \
	utilities/tasukid/apps/mirror/mirror.c \
	utilities/tasukid/apps/mirror/mirror.h \
	utilities/tasukid/apps/mirror/policy.c \
	utilities/tasukid/apps/mirror/policy.h \
	utilities/tasukid/apps/mirror/row.c \
	utilities/tasukid/apps/mirror/row.h \
	utilities/tasukid/apps/mirror/show.c \
	utilities/tasukid/apps/mirror/skips.c \
	utilities/tasukid/apps/mirror/skips.h \
	utilities/tasukid/apps/mirror/status.c \
	utilities/tasukid/apps/mirror/status.h \
	utilities/tasukid/apps/responder/config-keys.c \
	utilities/tasukid/apps/responder/config-keys.h \
	utilities/tasukid/apps/responder/reply.c \
	utilities/tasukid/apps/responder/reply.h \
	utilities/tasukid/apps/responder/responder.c \
	utilities/tasukid/apps/tenant/flows.c \
	utilities/tasukid/apps/tenant/ports.c \
	utilities/tasukid/apps/tenant/row.c \
	utilities/tasukid/apps/tenant/row.h \
	utilities/tasukid/apps/tenant/show.c \
	utilities/tasukid/apps/tenant/state.c \
	utilities/tasukid/apps/tenant/tenant.c \
	utilities/tasukid/apps/tenant/tenant.h \
	utilities/tasukid/apps/tenant/tenants.c \
	utilities/tasukid/core/app-call.h \
	utilities/tasukid/core/app.c \
	utilities/tasukid/core/app.h \
	utilities/tasukid/core/arp.c \
	utilities/tasukid/core/arp.h \
	utilities/tasukid/core/claims.c \
	utilities/tasukid/core/claims.h \
	utilities/tasukid/core/config-db.c \
	utilities/tasukid/core/config-db.h \
	utilities/tasukid/core/connections.c \
	utilities/tasukid/core/connections.h \
	utilities/tasukid/core/core-app.c \
	utilities/tasukid/core/database-watch.c \
	utilities/tasukid/core/database-watch.h \
	utilities/tasukid/core/events.c \
	utilities/tasukid/core/events.h \
	utilities/tasukid/core/fair-queue.c \
	utilities/tasukid/core/fair-queue.h \
	utilities/tasukid/core/flow-set.c \
	utilities/tasukid/core/flow-set.h \
	utilities/tasukid/core/neighbours.c \
	utilities/tasukid/core/neighbours.h \
	utilities/tasukid/core/ofswitch-ask.c \
	utilities/tasukid/core/ofswitch-conn.c \
	utilities/tasukid/core/ofswitch-packet.c \
	utilities/tasukid/core/ofswitch-ports.c \
	utilities/tasukid/core/ofswitch-private.h \
	utilities/tasukid/core/ofswitch-sync.c \
	utilities/tasukid/core/ofswitch.c \
	utilities/tasukid/core/ofswitch.h \
	utilities/tasukid/core/ovs-places.c \
	utilities/tasukid/core/ovs-places.h \
	utilities/tasukid/core/ovs-ports-compare.c \
	utilities/tasukid/core/ovs-ports-private.h \
	utilities/tasukid/core/ovs-ports-want.c \
	utilities/tasukid/core/ovs-ports.c \
	utilities/tasukid/core/ovs-ports.h \
	utilities/tasukid/core/pipeline.c \
	utilities/tasukid/core/pipeline.h \
	utilities/tasukid/core/reconcile.c \
	utilities/tasukid/core/reconcile.h \
	utilities/tasukid/core/requests.c \
	utilities/tasukid/core/requests.h \
	utilities/tasukid/core/row-check.c \
	utilities/tasukid/core/row-check.h \
	utilities/tasukid/core/stages.c \
	utilities/tasukid/core/taps.c \
	utilities/tasukid/core/taps.h \
	utilities/tasukid/core/timers.c \
	utilities/tasukid/core/timers.h \
	utilities/tasukid/protocol/http-head.c \
	utilities/tasukid/protocol/http-head.h \
	utilities/tasukid/protocol/place.h \
	utilities/tasukid/protocol/tcp-hold.c \
	utilities/tasukid/protocol/tcp-hold.h \
	utilities/tasukid/protocol/tcp-segment.c \
	utilities/tasukid/protocol/tcp-segment.h
nodist_utilities_tasukid_libtasukid_la_SOURCES = $(tasuki_idl_sources)

# What programs need that read the database, and check or show its rows as
# tasukid does.
tasuki_row_sources = \
	utilities/tasukid/apps/handover/engine/glob.c \
	utilities/tasukid/apps/handover/engine/glob.h \
	utilities/tasukid/apps/handover/engine/rule-check.c \
	utilities/tasukid/apps/handover/engine/rule-check.h \
	utilities/tasukid/apps/tenant/row.c \
	utilities/tasukid/apps/tenant/row.h \
	utilities/tasukid/core/database-watch.c \
	utilities/tasukid/core/database-watch.h \
	utilities/tasukid/core/row-check.c \
	utilities/tasukid/core/row-check.h
tasuki_idl_sources = \
	utilities/tasukid/tasuki-idl.c \
	utilities/tasukid/tasuki-idl.h

# For objects of its own, as those of the programs below are not libtool's.
utilities_tasukid_libtasukid_la_CPPFLAGS = $(AM_CPPFLAGS)
utilities_tasukid_libtasukid_la_LIBADD = -lhs

bin_PROGRAMS += utilities/tasukid/tasukid
utilities_tasukid_tasukid_SOURCES = utilities/tasukid/tasukid.c
utilities_tasukid_tasukid_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTASUKID_APP_DIR='"$(tasukidappdir)"'
utilities_tasukid_tasukid_LDADD = \
	utilities/tasukid/libtasukid.la \
	lib/libopenvswitch.la

# Applications that are not part of Tasuki: where they are, and what they are
# built with.  They call functions of tasukid itself.
tasukidappdir = $(libdir)/tasukid
utilities_tasukid_tasukid_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tasukidincludedir = $(includedir)/tasukid
tasukidinclude_HEADERS = \
	utilities/tasukid/core/app.h \
	utilities/tasukid/core/events.h \
	utilities/tasukid/core/ofswitch.h \
	utilities/tasukid/core/pipeline.h \
	utilities/tasukid/core/requests.h \
	utilities/tasukid/core/taps.h \
	utilities/tasukid/core/timers.h
pkgconfig_DATA += utilities/tasukid/tasukid.pc
EXTRA_DIST += utilities/tasukid/tasukid.pc.in
CLEANFILES += utilities/tasukid/tasukid.pc
utilities/tasukid/tasukid.pc: utilities/tasukid/tasukid.pc.in Makefile
	$(AM_V_GEN)sed \
		-e 's,@prefix\@,$(prefix),' \
		-e 's,@includedir\@,$(includedir),' \
		-e 's,@appdir\@,$(tasukidappdir),' \
		-e 's,@VERSION\@,$(VERSION),' \
		$(srcdir)/utilities/tasukid/tasukid.pc.in > $@.tmp && \
	mv $@.tmp $@

# Manual pages.
MAN_ROOTS += docs/tasukid.8.in
CLEANFILES += docs/tasukid.8 utilities/tasukid/tasuki.5
man_MANS += docs/tasukid.8 utilities/tasukid/tasuki.5
dist_man_MANS += docs/tasuki-actions.7

docs/tasukid.8: | docs/.dirstamp
docs/.dirstamp:
	$(AM_V_at)$(MKDIR_P) docs && : > $@
CLEANFILES += docs/.dirstamp

EXTRA_DIST += utilities/tasukid/tasuki.xml
utilities/tasukid/tasuki.5: \
	ovsdb/ovsdb-doc utilities/tasukid/tasuki.xml \
	utilities/tasukid/tasuki.ovsschema
	$(AM_V_GEN)$(OVSDB_DOC) \
		--version=$(VERSION) \
		$(srcdir)/utilities/tasukid/tasuki.ovsschema \
		$(srcdir)/utilities/tasukid/tasuki.xml > $@.tmp && \
	mv $@.tmp $@

# Units of systemd, which looks for them there under /usr and /usr/local.
TASUKI_UNITS = \
	utilities/tasukid/systemd/ovs-vswitchd.service \
	utilities/tasukid/systemd/ovsdb-server.service \
	utilities/tasukid/systemd/tasukid.service
systemdunitdir = $(prefix)/lib/systemd/system
systemdunit_DATA = $(TASUKI_UNITS)
EXTRA_DIST += $(TASUKI_UNITS:=.in)
CLEANFILES += $(TASUKI_UNITS)
$(TASUKI_UNITS): | utilities/tasukid/systemd/.dirstamp
utilities/tasukid/systemd/.dirstamp:
	$(AM_V_at)$(MKDIR_P) utilities/tasukid/systemd && : > $@
CLEANFILES += utilities/tasukid/systemd/.dirstamp
