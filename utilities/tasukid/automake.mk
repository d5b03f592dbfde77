# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# tasukid, tasuki-ctl and the schema of their database.

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
	utilities/tasukid/app.c \
	utilities/tasukid/app.h \
	utilities/tasukid/config-db.c \
	utilities/tasukid/config-db.h \
	utilities/tasukid/connections.c \
	utilities/tasukid/connections.h \
	utilities/tasukid/core.c \
	utilities/tasukid/database-watch.c \
	utilities/tasukid/database-watch.h \
	utilities/tasukid/fair-queue.c \
	utilities/tasukid/fair-queue.h \
	utilities/tasukid/flow-set.c \
	utilities/tasukid/flow-set.h \
	utilities/tasukid/glob.c \
	utilities/tasukid/glob.h \
	utilities/tasukid/ofswitch-conn.c \
	utilities/tasukid/ofswitch-private.h \
	utilities/tasukid/ofswitch-packet.c \
	utilities/tasukid/ofswitch-sync.c \
	utilities/tasukid/ofswitch.c \
	utilities/tasukid/ofswitch.h \
	utilities/tasukid/ovs-ports.c \
	utilities/tasukid/ovs-ports.h \
	utilities/tasukid/pattern-set.c \
	utilities/tasukid/pattern-set.h \
	utilities/tasukid/pipeline.h \
	utilities/tasukid/row-check.c \
	utilities/tasukid/row-check.h \
	utilities/tasukid/rule-check.c \
	utilities/tasukid/rule-check.h \
	utilities/tasukid/forward/flows.c \
	utilities/tasukid/forward/flows.h \
	utilities/tasukid/forward/forward.c \
	utilities/tasukid/forward/forward.h \
	utilities/tasukid/forward/show.c \
	utilities/tasukid/handover/adopt.c \
	utilities/tasukid/handover/arp.c \
	utilities/tasukid/handover/arp.h \
	utilities/tasukid/handover/challenge.c \
	utilities/tasukid/handover/challenge.h \
	utilities/tasukid/handover/claim.c \
	utilities/tasukid/handover/claim.h \
	utilities/tasukid/handover/conn.c \
	utilities/tasukid/handover/conn.h \
	utilities/tasukid/handover/dispatch.c \
	utilities/tasukid/handover/flows.c \
	utilities/tasukid/handover/flows.h \
	utilities/tasukid/handover/fragments.c \
	utilities/tasukid/handover/fragments.h \
	utilities/tasukid/handover/handover.c \
	utilities/tasukid/handover/handover.h \
	utilities/tasukid/handover/handshake.c \
	utilities/tasukid/handover/handshake.h \
	utilities/tasukid/handover/icmp.c \
	utilities/tasukid/handover/icmp.h \
	utilities/tasukid/handover/inspect.c \
	utilities/tasukid/handover/judge.c \
	utilities/tasukid/handover/judge.h \
	utilities/tasukid/handover/member.c \
	utilities/tasukid/handover/neigh.c \
	utilities/tasukid/handover/neigh.h \
	utilities/tasukid/handover/pair.c \
	utilities/tasukid/handover/pair.h \
	utilities/tasukid/handover/replay.c \
	utilities/tasukid/handover/rules.c \
	utilities/tasukid/handover/rules.h \
	utilities/tasukid/handover/service-config.c \
	utilities/tasukid/handover/service-config.h \
	utilities/tasukid/handover/service.c \
	utilities/tasukid/handover/service.h \
	utilities/tasukid/handover/show.c \
	utilities/tasukid/handover/show.h \
	utilities/tasukid/handover/try.c \
	utilities/tasukid/protocol/http-head.c \
	utilities/tasukid/protocol/http-head.h \
	utilities/tasukid/protocol/tcp-hold.c \
	utilities/tasukid/protocol/tcp-hold.h \
	utilities/tasukid/protocol/tcp-segment.c \
	utilities/tasukid/protocol/tcp-segment.h \
	utilities/tasukid/tenant/row.c \
	utilities/tasukid/tenant/row.h \
	utilities/tasukid/tenant/tenant.c
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

bin_PROGRAMS += utilities/tasukid/tasuki-ctl
utilities_tasukid_tasuki_ctl_SOURCES = \
	utilities/tasukid/database-watch.c \
	utilities/tasukid/database-watch.h \
	utilities/tasukid/glob.c \
	utilities/tasukid/glob.h \
	utilities/tasukid/row-check.c \
	utilities/tasukid/row-check.h \
	utilities/tasukid/rule-check.c \
	utilities/tasukid/rule-check.h \
	utilities/tasukid/ctl/args.c \
	utilities/tasukid/ctl/services.c \
	utilities/tasukid/ctl/show.c \
	utilities/tasukid/ctl/switches.c \
	utilities/tasukid/ctl/tasuki-ctl.c \
	utilities/tasukid/ctl/tasuki-ctl.h \
	utilities/tasukid/ctl/tenants.c \
	utilities/tasukid/tenant/row.c \
	utilities/tasukid/tenant/row.h
nodist_utilities_tasukid_tasuki_ctl_SOURCES = \
	utilities/tasukid/tasuki-idl.c \
	utilities/tasukid/tasuki-idl.h
utilities_tasukid_tasuki_ctl_LDADD = lib/libopenvswitch.la

bin_PROGRAMS += utilities/tasukid/tasuki-hook
utilities_tasukid_tasuki_hook_SOURCES = \
	utilities/tasukid/database-watch.c \
	utilities/tasukid/database-watch.h \
	utilities/tasukid/glob.c \
	utilities/tasukid/glob.h \
	utilities/tasukid/row-check.c \
	utilities/tasukid/row-check.h \
	utilities/tasukid/rule-check.c \
	utilities/tasukid/rule-check.h \
	utilities/tasukid/hook/exec.c \
	utilities/tasukid/hook/exec.h \
	utilities/tasukid/hook/print.c \
	utilities/tasukid/hook/print.h \
	utilities/tasukid/hook/row.c \
	utilities/tasukid/hook/row.h \
	utilities/tasukid/hook/state.c \
	utilities/tasukid/hook/state.h \
	utilities/tasukid/hook/tasuki-hook.c \
	utilities/tasukid/hook/tenants.c \
	utilities/tasukid/hook/tenants.h \
	utilities/tasukid/tenant/row.c \
	utilities/tasukid/tenant/row.h
nodist_utilities_tasukid_tasuki_hook_SOURCES = \
	utilities/tasukid/tasuki-idl.c \
	utilities/tasukid/tasuki-idl.h
utilities_tasukid_tasuki_hook_LDADD = lib/libopenvswitch.la

# Manual pages and completion.
MAN_ROOTS += docs/tasukid.8.in docs/tasuki-ctl.8.in docs/tasuki-hook.8.in
CLEANFILES += \
	docs/tasukid.8 \
	docs/tasuki-ctl.8 \
	docs/tasuki-hook.8 \
	utilities/tasukid/tasuki.5
man_MANS += \
	docs/tasukid.8 \
	docs/tasuki-ctl.8 \
	docs/tasuki-hook.8 \
	utilities/tasukid/tasuki.5
dist_man_MANS += docs/tasuki-actions.7

docs/tasukid.8 docs/tasuki-ctl.8 docs/tasuki-hook.8: | docs/.dirstamp
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

completion_SCRIPTS += \
	utilities/tasukid/ctl/tasuki-ctl-completion.bash \
	utilities/tasukid/hook/tasuki-hook-completion.bash

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
