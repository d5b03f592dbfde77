# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

bin_PROGRAMS += utilities/tasuki-ctl/tasuki-ctl
utilities_tasuki_ctl_tasuki_ctl_SOURCES = \
	utilities/tasuki-ctl/args.c \
	utilities/tasuki-ctl/ipsec.c \
	utilities/tasuki-ctl/mirrors.c \
	utilities/tasuki-ctl/services.c \
	utilities/tasuki-ctl/show.c \
	utilities/tasuki-ctl/switches.c \
	utilities/tasuki-ctl/tasuki-ctl.c \
	utilities/tasuki-ctl/tasuki-ctl.h \
	utilities/tasuki-ctl/tenants.c \
	utilities/tasukid/apps/apps.h \
	utilities/tasukid/apps/handover/service-check.c \
	utilities/tasukid/apps/handover/service-check.h \
	utilities/tasukid/apps/ipsec/row.c \
	utilities/tasukid/apps/ipsec/row.h \
	utilities/tasukid/apps/mirror/row.c \
	utilities/tasukid/apps/mirror/row.h \
	$(tasuki_row_sources)
nodist_utilities_tasuki_ctl_tasuki_ctl_SOURCES = $(tasuki_idl_sources)
utilities_tasuki_ctl_tasuki_ctl_LDADD = lib/libopenvswitch.la

MAN_ROOTS += docs/tasuki-ctl.8.in
CLEANFILES += docs/tasuki-ctl.8
man_MANS += docs/tasuki-ctl.8
docs/tasuki-ctl.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-ctl/tasuki-ctl-completion.bash
