# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# What needs neither a kernel nor libnl, for tests, too.
ipsec_sources = \
	utilities/tasuki-ipsec/cipher.c \
	utilities/tasuki-ipsec/cipher.h \
	utilities/tasuki-ipsec/ip-xfrm.c \
	utilities/tasuki-ipsec/ip-xfrm.h \
	utilities/tasuki-ipsec/keys.c \
	utilities/tasuki-ipsec/keys.h \
	utilities/tasuki-ipsec/plan.c \
	utilities/tasuki-ipsec/plan.h \
	utilities/tasuki-ipsec/sa.c \
	utilities/tasuki-ipsec/sa.h \
	utilities/tasuki-ipsec/swanctl.c \
	utilities/tasuki-ipsec/swanctl.h \
	utilities/tasuki-ipsec/tunnel.c \
	utilities/tasuki-ipsec/tunnel.h

ipsec_load_sources = \
	utilities/tasuki-ipsec/load.c \
	utilities/tasuki-ipsec/load.h

ipsec_steer_sources = \
	utilities/tasuki-ipsec/nic.c \
	utilities/tasuki-ipsec/nic.h \
	utilities/tasuki-ipsec/rss.c \
	utilities/tasuki-ipsec/rss.h \
	utilities/tasuki-ipsec/steer-command.c \
	utilities/tasuki-ipsec/steer-pick.c \
	utilities/tasuki-ipsec/steer-pick.h \
	utilities/tasuki-ipsec/steer-plan.c \
	utilities/tasuki-ipsec/steer-plan.h \
	utilities/tasuki-ipsec/sysfs.c \
	utilities/tasuki-ipsec/sysfs.h

bin_PROGRAMS += utilities/tasuki-ipsec/tasuki-ipsec
utilities_tasuki_ipsec_tasuki_ipsec_SOURCES = \
	$(ipsec_sources) \
	$(ipsec_load_sources) \
	$(ipsec_steer_sources) \
	utilities/tasukid/core/database-watch.c \
	utilities/tasukid/core/database-watch.h \
	utilities/tasuki-ipsec/commands.h \
	utilities/tasuki-ipsec/ethtool.c \
	utilities/tasuki-ipsec/ethtool.h \
	utilities/tasuki-ipsec/listen.c \
	utilities/tasuki-ipsec/monitor-db.c \
	utilities/tasuki-ipsec/monitor-db.h \
	utilities/tasuki-ipsec/monitor.c \
	utilities/tasuki-ipsec/nic-probe.c \
	utilities/tasuki-ipsec/options.h \
	utilities/tasuki-ipsec/show.c \
	utilities/tasuki-ipsec/steer-apply.c \
	utilities/tasuki-ipsec/steer-apply.h \
	utilities/tasuki-ipsec/steer-state.c \
	utilities/tasuki-ipsec/steer-state.h \
	utilities/tasuki-ipsec/steer.c \
	utilities/tasuki-ipsec/strongswan.c \
	utilities/tasuki-ipsec/tasuki-ipsec.c \
	utilities/tasuki-ipsec/tc.c \
	utilities/tasuki-ipsec/tc.h \
	utilities/tasuki-ipsec/up.c \
	utilities/tasuki-ipsec/xfrm-message.c \
	utilities/tasuki-ipsec/xfrm-message.h \
	utilities/tasuki-ipsec/xfrm.c \
	utilities/tasuki-ipsec/xfrm.h
nodist_utilities_tasuki_ipsec_tasuki_ipsec_SOURCES = $(tasuki_idl_sources)
utilities_tasuki_ipsec_tasuki_ipsec_CPPFLAGS = $(AM_CPPFLAGS) \
	`pkg-config --cflags libnl-3.0 | sed 's/-I/-isystem /g'`
utilities_tasuki_ipsec_tasuki_ipsec_LDADD = lib/libopenvswitch.la -lnl-3

MAN_ROOTS += docs/tasuki-ipsec.8.in
CLEANFILES += docs/tasuki-ipsec.8
man_MANS += docs/tasuki-ipsec.8
docs/tasuki-ipsec.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-ipsec/tasuki-ipsec-completion.bash
