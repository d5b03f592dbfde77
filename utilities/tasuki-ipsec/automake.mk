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

bin_PROGRAMS += utilities/tasuki-ipsec/tasuki-ipsec
utilities_tasuki_ipsec_tasuki_ipsec_SOURCES = \
	$(ipsec_sources) \
	utilities/tasuki-ipsec/commands.h \
	utilities/tasuki-ipsec/listen.c \
	utilities/tasuki-ipsec/options.h \
	utilities/tasuki-ipsec/show.c \
	utilities/tasuki-ipsec/strongswan.c \
	utilities/tasuki-ipsec/tasuki-ipsec.c \
	utilities/tasuki-ipsec/up.c \
	utilities/tasuki-ipsec/xfrm-message.c \
	utilities/tasuki-ipsec/xfrm-message.h \
	utilities/tasuki-ipsec/xfrm.c \
	utilities/tasuki-ipsec/xfrm.h
utilities_tasuki_ipsec_tasuki_ipsec_CPPFLAGS = $(AM_CPPFLAGS) \
	`pkg-config --cflags libnl-3.0 | sed 's/-I/-isystem /g'`
utilities_tasuki_ipsec_tasuki_ipsec_LDADD = lib/libopenvswitch.la -lnl-3

MAN_ROOTS += docs/tasuki-ipsec.8.in
CLEANFILES += docs/tasuki-ipsec.8
man_MANS += docs/tasuki-ipsec.8
docs/tasuki-ipsec.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-ipsec/tasuki-ipsec-completion.bash
