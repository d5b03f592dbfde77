# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

bin_PROGRAMS += utilities/tasuki-hook/tasuki-hook
utilities_tasuki_hook_tasuki_hook_SOURCES = \
	utilities/tasuki-hook/exec.c \
	utilities/tasuki-hook/exec.h \
	utilities/tasuki-hook/print.c \
	utilities/tasuki-hook/print.h \
	utilities/tasuki-hook/row.c \
	utilities/tasuki-hook/row.h \
	utilities/tasuki-hook/state.c \
	utilities/tasuki-hook/state.h \
	utilities/tasuki-hook/tasuki-hook.c \
	utilities/tasuki-hook/tenants.c \
	utilities/tasuki-hook/tenants.h \
	$(tasuki_row_sources)
nodist_utilities_tasuki_hook_tasuki_hook_SOURCES = $(tasuki_idl_sources)
utilities_tasuki_hook_tasuki_hook_LDADD = lib/libopenvswitch.la

MAN_ROOTS += docs/tasuki-hook.8.in
CLEANFILES += docs/tasuki-hook.8
man_MANS += docs/tasuki-hook.8
docs/tasuki-hook.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-hook/tasuki-hook-completion.bash
