# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# What the overlay adds to Open vSwitch's build, whose Makefile.am includes
# this.

lib_libopenvswitch_la_SOURCES += \
	lib/check-tcp-seq-inline.h \
	lib/check-tcp-seq.c \
	lib/check-tcp-seq.h \
	lib/close-later.c \
	lib/close-later.h \
	lib/nat64-4to6.c \
	lib/nat64-6to4.c \
	lib/nat64-address.c \
	lib/nat64-extension.c \
	lib/nat64-icmp.c \
	lib/nat64-inner.c \
	lib/nat64-mtu.c \
	lib/nat64-neigh.c \
	lib/nat64-private.h \
	lib/nat64-transport.c \
	lib/nat64.c \
	lib/nat64.h \
	lib/nl-extack.c \
	lib/nl-extack.h \
	lib/tasuki-action.c \
	lib/tasuki-action.h \
	lib/tasuki-check-tcp-seq.c \
	lib/tasuki-datapath.h \
	lib/tasuki-defrag.c \
	lib/tasuki-defrag.h \
	lib/tasuki-nat64-execute.c \
	lib/tasuki-nat64.c \
	lib/tasuki-nat64.h \
	lib/tasuki-tcp-offset.c \
	lib/tasuki-tcp-offset.h \
	lib/tcp-offset-inline.h \
	lib/tcp-offset.c \
	lib/tcp-offset.h
EXTRA_DIST += \
	lib/ofp-actions-tasuki.inc \
	ofproto/ofproto-dpif-xlate-tasuki.inc
openvswitchinclude_HEADERS += include/openvswitch/ofpact-tasuki.h

ofproto_libofproto_la_SOURCES += \
	ofproto/tasuki-forward.c \
	ofproto/tasuki-forward.h \
	ofproto/tasuki-xlate.c \
	ofproto/tasuki-xlate.h

ovs_pyfiles += python/ovs/flow/tasuki.py
include utilities/tasukid/automake.mk
include utilities/tasuki-ctl/automake.mk
include utilities/tasuki-hook/automake.mk
include tests/tasuki.mk
