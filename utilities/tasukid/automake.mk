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
	utilities/tasukid/apps/handover/adopt.c \
	utilities/tasukid/apps/handover/arp.c \
	utilities/tasukid/apps/handover/arp.h \
	utilities/tasukid/apps/handover/challenge.c \
	utilities/tasukid/apps/handover/challenge.h \
	utilities/tasukid/apps/handover/claim.c \
	utilities/tasukid/apps/handover/claim.h \
	utilities/tasukid/apps/handover/conn.c \
	utilities/tasukid/apps/handover/conn.h \
	utilities/tasukid/apps/handover/dispatch.c \
	utilities/tasukid/apps/handover/flows.c \
	utilities/tasukid/apps/handover/flows.h \
	utilities/tasukid/apps/handover/fragments.c \
	utilities/tasukid/apps/handover/fragments.h \
	utilities/tasukid/apps/handover/glob.c \
	utilities/tasukid/apps/handover/glob.h \
	utilities/tasukid/apps/handover/handover.c \
	utilities/tasukid/apps/handover/handover.h \
	utilities/tasukid/apps/handover/handshake.c \
	utilities/tasukid/apps/handover/handshake.h \
	utilities/tasukid/apps/handover/icmp.c \
	utilities/tasukid/apps/handover/icmp.h \
	utilities/tasukid/apps/handover/inspect.c \
	utilities/tasukid/apps/handover/judge.c \
	utilities/tasukid/apps/handover/judge.h \
	utilities/tasukid/apps/handover/member.c \
	utilities/tasukid/apps/handover/neigh.c \
	utilities/tasukid/apps/handover/neigh.h \
	utilities/tasukid/apps/handover/pair.c \
	utilities/tasukid/apps/handover/pair.h \
	utilities/tasukid/apps/handover/pattern-set.c \
	utilities/tasukid/apps/handover/pattern-set.h \
	utilities/tasukid/apps/handover/replay.c \
	utilities/tasukid/apps/handover/rule-check.c \
	utilities/tasukid/apps/handover/rule-check.h \
	utilities/tasukid/apps/handover/rules.c \
	utilities/tasukid/apps/handover/rules.h \
	utilities/tasukid/apps/handover/service-check.c \
	utilities/tasukid/apps/handover/service-check.h \
	utilities/tasukid/apps/handover/service-config.c \
	utilities/tasukid/apps/handover/service-config.h \
	utilities/tasukid/apps/handover/service.c \
	utilities/tasukid/apps/handover/service.h \
	utilities/tasukid/apps/handover/show.c \
	utilities/tasukid/apps/handover/show.h \
	utilities/tasukid/apps/handover/try.c \
	utilities/tasukid/apps/tenant/row.c \
	utilities/tasukid/apps/tenant/row.h \
	utilities/tasukid/apps/tenant/tenant.c \
	utilities/tasukid/core/app.c \
	utilities/tasukid/core/app.h \
	utilities/tasukid/core/config-db.c \
	utilities/tasukid/core/config-db.h \
	utilities/tasukid/core/connections.c \
	utilities/tasukid/core/connections.h \
	utilities/tasukid/core/database-watch.c \
	utilities/tasukid/core/database-watch.h \
	utilities/tasukid/core/fair-queue.c \
	utilities/tasukid/core/fair-queue.h \
	utilities/tasukid/core/flow-set.c \
	utilities/tasukid/core/flow-set.h \
	utilities/tasukid/core/ofswitch-conn.c \
	utilities/tasukid/core/ofswitch-packet.c \
	utilities/tasukid/core/ofswitch-private.h \
	utilities/tasukid/core/ofswitch-sync.c \
	utilities/tasukid/core/ofswitch.c \
	utilities/tasukid/core/ofswitch.h \
	utilities/tasukid/core/ovs-ports.c \
	utilities/tasukid/core/ovs-ports.h \
	utilities/tasukid/core/pipeline.c \
	utilities/tasukid/core/pipeline.h \
	utilities/tasukid/core/row-check.c \
	utilities/tasukid/core/row-check.h \
	utilities/tasukid/protocol/http-head.c \
	utilities/tasukid/protocol/http-head.h \
	utilities/tasukid/protocol/tcp-hold.c \
	utilities/tasukid/protocol/tcp-hold.h \
	utilities/tasukid/protocol/tcp-segment.c \
	utilities/tasukid/protocol/tcp-segment.h
nodist_utilities_tasukid_libtasukid_la_SOURCES = \
	utilities/tasukid/tasuki-idl.c \
	utilities/tasukid/tasuki-idl.h
# For objects of its own, as those of the programs below are not libtool's.
utilities_tasukid_libtasukid_la_CPPFLAGS = $(AM_CPPFLAGS)
utilities_tasukid_libtasukid_la_LIBADD = -lhs

bin_PROGRAMS += utilities/tasukid/tasukid
utilities_tasukid_tasukid_SOURCES = utilities/tasukid/tasukid.c
utilities_tasukid_tasukid_LDADD = \
	utilities/tasukid/libtasukid.la \
	lib/libopenvswitch.la

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
