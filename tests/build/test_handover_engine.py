# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The engines of applications know no switch, and their files are in
layers."""

import pathlib
import re

import pytest

APPS = (pathlib.Path(__file__).resolve().parents[2]
        / "utilities/tasukid/apps")

engines = pytest.mark.parametrize("engine", [
    APPS / "handover/engine", APPS / "ipsec/engine", APPS / "mirror/engine"],
    ids=["handover", "ipsec", "mirror"])

# What belongs to a switch, OpenFlow, a database, a clock or people.
FORBIDDEN = re.compile(
    r"utilities/tasukid/(core|apps/(?!\w+/engine)|tasuki-idl)"
    r"|openflow/|openvswitch/(match|meta-flow|ofp-(?!port\.h)|vconn)"
    r"|(^|/)(flow|ovsdb-\w+|rconn|timeval|unixctl)\.h$")

DEFINITION = re.compile(r"^(.*)\n(\w+)\([^;{}]*\)\n\{$", re.MULTILINE)


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def sources(engine):
    return {path.name: strip_comments(path.read_text())
            for path in engine.glob("*.c")}


def order(engine):
    """The files in the order of the comment in engine.h, from the top."""
    return re.findall(r"^ \*   ([\w-]+\.c)  ",
                      (engine / "engine.h").read_text(), re.MULTILINE)


def calls_upwards(texts, files):
    """Returns what is called in a file that is below the one it is in."""
    home = {name: file for file in files
            for line, name in DEFINITION.findall(texts[file])
            if "static" not in line}
    return ["%s calls %s() of %s" % (file, name, home[name])
            for i, file in enumerate(files)
            for name in sorted(set(re.findall(r"\b(\w+)\(", texts[file])))
            if files.index(home.get(name, file)) < i]


@engines
def test_includes(engine):
    bad = ["%s: %s" % (path.name, header)
           for path in sorted(engine.glob("*.[ch]"))
           for header in re.findall(r'^#include "(.*)"', path.read_text(),
                                    re.MULTILINE)
           if FORBIDDEN.search(header)]
    assert not bad


@pytest.mark.parametrize("header", [
    "utilities/tasukid/core/app.h", "utilities/tasukid/tasuki-idl.h",
    "utilities/tasukid/apps/handover/flows.h", "openvswitch/ofp-flow.h",
    "flow.h", "timeval.h"])
def test_forbidden(header):
    assert FORBIDDEN.search(header)


@engines
def test_every_file_has_a_place(engine):
    assert sorted(order(engine)) == sorted(path.name
                                           for path in engine.glob("*.c"))


@engines
def test_no_file_calls_one_above(engine):
    assert not calls_upwards(sources(engine), order(engine))


def test_a_call_upwards_is_found():
    texts = {"top.c": "void\nf(void)\n{\n    g();\n}\n",
             "below.c": "void\ng(void)\n{\n    f();\n}\n"}
    assert calls_upwards(texts, ["top.c", "below.c"]) == [
        "below.c calls f() of top.c"]
