# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The table of what standards ask of nat64 is complete, and true."""

import glob
import os
import re

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Sections of RFC 7915 with something to comply with.
SECTIONS = ["1.2", "1.3", "1.4", "4", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6",
            "5", "5.1", "5.1.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6", "7"]


def rows():
    """Returns tuples of standard, section, sentence, and its tests."""
    standard, table = None, []
    with open(os.path.join(TESTS, "unit", "nat64-standards.txt")) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.startswith("["):
                standard = line[1:-1]
            elif line and not line.startswith("#"):
                fields = line.split(" | ")
                assert len(fields) == 3, "line %d: %s" % (number, line)
                table.append((standard, *fields))
    return table


def defined_tests():
    """Returns the names of tests that run: those a C program lists and
    defines, and pytest's."""
    names = set()
    for path in glob.glob(os.path.join(TESTS, "unit", "test-nat64-*.c")):
        with open(path) as f:
            text = f.read()
        listed = set(re.findall(r"cmocka_unit_test\((\w+)\)", text))
        defined = set(re.findall(r"^static void\n(\w+)\(void \*\*state\)",
                                 text, re.M))
        assert listed == defined, path
        assert "\ttests/unit/%s" % os.path.basename(path)[:-2] in open(
            os.path.join(TESTS, "tasuki.mk")).read()
        names |= listed
    for path in glob.glob(os.path.join(TESTS, "lab", "test_nat64_*.py")):
        with open(path) as f:
            names |= set(re.findall(r"^def (test_\w+)\(", f.read(), re.M))
    return names


def test_every_sentence_has_a_test_that_exists():
    known = defined_tests()
    missing = []
    for standard, section, sentence, tests in rows():
        if tests.startswith("- "):
            assert len(tests) > 20, "%s: no reason" % sentence
            continue
        missing += ["%s %s, %s: %s" % (standard, section, sentence, name)
                    for name in tests.split(", ") if name not in known]
    assert not missing


def test_every_unit_test_is_about_a_sentence_or_our_own():
    """Those that no standard asks for are about our own promises."""
    cited = {name for *_, tests in rows() for name in tests.split(", ")}
    own = {"result_names", "padding_is_left_behind", "vlan_tags_stay",
           "vlan_tag", "empty_payload", "df_and_identification_alone_are_lost",
           "flow_label_is_lost", "lying_options", "lying_ipv4_headers",
           "ipv4_header_checksum", "truncated_ipv4", "truncated_ipv6",
           "too_many_extension_headers", "lying_ipv6_headers", "wrong_types",
           "udp_length", "tcp_data_offset", "short_headers",
           "checksum_left_to_offload", "super_packets", "big_tcp",
           "largest_ipv6_packet", "super_packet_of_udp_without_checksum",
           "truncated_icmp", "quoted_too_little", "quoted_padding",
           "extensions_that_lie", "fragments_of_fragments_6to4",
           "later_fragments_are_not_super_packets",
           "super_packets_by_segment", "answer_quotes_what_there_is",
           "advertisement_from_elsewhere", "arp_padding_is_left_behind",
           "arp_about_no_host", "nd_link_layer_address_of_a_group",
           "nd_outside_the_prefix", "broadcasts", "no_length", "super_packet",
           "too_big"}
    tests = {name for name in defined_tests() if not name.startswith("test_")}
    assert tests - cited == own


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_in_the_table(section):
    assert any(standard.startswith("RFC 7915")
               and re.match(re.escape(section) + r"( |$)", row)
               for standard, row, *_ in rows())
