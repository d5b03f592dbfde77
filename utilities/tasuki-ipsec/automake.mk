# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# What needs neither a kernel nor libnl, for tests, too.
ipsec_sources = \
	utilities/tasuki-ipsec/cipher.c \
	utilities/tasuki-ipsec/cipher.h \
	utilities/tasuki-ipsec/tunnel.c \
	utilities/tasuki-ipsec/tunnel.h

bin_PROGRAMS += utilities/tasuki-ipsec/tasuki-ipsec
utilities_tasuki_ipsec_tasuki_ipsec_SOURCES = \
	$(ipsec_sources) \
	utilities/tasuki-ipsec/options.h \
	utilities/tasuki-ipsec/tasuki-ipsec.c
utilities_tasuki_ipsec_tasuki_ipsec_CPPFLAGS = $(AM_CPPFLAGS) \
	`pkg-config --cflags libnl-3.0 | sed 's/-I/-isystem /g'`
utilities_tasuki_ipsec_tasuki_ipsec_LDADD = lib/libopenvswitch.la -lnl-3

MAN_ROOTS += docs/tasuki-ipsec.8.in
CLEANFILES += docs/tasuki-ipsec.8
man_MANS += docs/tasuki-ipsec.8
docs/tasuki-ipsec.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-ipsec/tasuki-ipsec-completion.bash
