# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# What the overlay adds to Open vSwitch's build, whose Makefile.am includes
# this.

# The libraries' files and Python's, by where they are: build-aux/prepare-ovs
# writes it.
include tasuki-files.mk

include utilities/tasukid/automake.mk
include utilities/tasuki-capture/automake.mk
include utilities/tasuki-ctl/automake.mk
include utilities/tasuki-hook/automake.mk
include utilities/tasuki-ipsec/automake.mk
include tests/tasuki.mk
