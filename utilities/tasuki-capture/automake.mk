# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

bin_PROGRAMS += utilities/tasuki-capture/tasuki-capture
utilities_tasuki_capture_tasuki_capture_SOURCES = \
	utilities/tasuki-capture/direction.c \
	utilities/tasuki-capture/direction.h \
	utilities/tasuki-capture/files.c \
	utilities/tasuki-capture/files.h \
	utilities/tasuki-capture/held.c \
	utilities/tasuki-capture/held.h \
	utilities/tasuki-capture/series.c \
	utilities/tasuki-capture/series.h \
	utilities/tasuki-capture/skip-event.c \
	utilities/tasuki-capture/skip-event.h \
	utilities/tasuki-capture/skips-total.c \
	utilities/tasuki-capture/skips-total.h \
	utilities/tasuki-capture/source.c \
	utilities/tasuki-capture/source.h \
	utilities/tasuki-capture/tasuki-capture.c \
	utilities/tasuki-capture/writer.c \
	utilities/tasuki-capture/writer.h
# libwiretap is for this program alone: see writer.c.
utilities_tasuki_capture_tasuki_capture_CPPFLAGS = $(AM_CPPFLAGS) \
	`pkg-config --cflags wireshark | sed 's/-I/-isystem /g'`
utilities_tasuki_capture_tasuki_capture_LDADD = lib/libopenvswitch.la \
	-lpcap -lwiretap -lwsutil -lglib-2.0

MAN_ROOTS += docs/tasuki-capture.8.in
CLEANFILES += docs/tasuki-capture.8
man_MANS += docs/tasuki-capture.8
docs/tasuki-capture.8: | docs/.dirstamp
completion_SCRIPTS += utilities/tasuki-capture/tasuki-capture-completion.bash
