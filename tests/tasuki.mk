# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Our tests, as far as they are built with Open vSwitch.  tests/run runs them.

# Units: programs that use cmocka.

TASUKI_UNIT_TESTS =
EXTRA_PROGRAMS += $(TASUKI_UNIT_TESTS)
tasuki_unit_ldadd = lib/libopenvswitch.la -lcmocka

tasuki-unit-tests: $(TASUKI_UNIT_TESTS)
	@printf '%s\n' $(TASUKI_UNIT_TESTS) >tests/unit-tests.list
.PHONY: tasuki-unit-tests

# Fuzz targets: need a build with clang's -fsanitize=fuzzer-no-link.

TASUKI_FUZZERS =
EXTRA_PROGRAMS += $(TASUKI_FUZZERS)
tasuki_fuzz_ldflags = -fsanitize=fuzzer
tasuki_fuzz_ldadd = lib/libopenvswitch.la

tasuki-fuzzers: $(TASUKI_FUZZERS)
	@printf '%s\n' $(TASUKI_FUZZERS) >tests/fuzzers.list
.PHONY: tasuki-fuzzers

# Protocol and command line: Autotest, with upstream's macros.

TASUKI_TESTSUITE_AT = \
	tests/tasuki-testsuite.at
EXTRA_DIST += $(TASUKI_TESTSUITE_AT)
TASUKI_TESTSUITE = $(srcdir)/tests/tasuki-testsuite

$(TASUKI_TESTSUITE): package.m4 $(TASUKI_TESTSUITE_AT) $(COMMON_MACROS_AT)
	$(AM_V_GEN)$(AUTOTEST) -I '$(srcdir)' -o $@.tmp $@.at
	$(AM_V_at)mv $@.tmp $@

check-tasuki: all tests/atconfig tests/atlocal $(check_PROGRAMS) $(TASUKI_TESTSUITE)
	$(SHELL) '$(TASUKI_TESTSUITE)' -C tests \
		AUTOTEST_PATH='$(AUTOTEST_PATH):utilities/tasukid' $(TESTSUITEFLAGS)
.PHONY: check-tasuki
