# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The rules of docs/architecture.md about who knows whom in tasukid."""

import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
HOUSE = "utilities/tasukid/"
OBJECTS = TOP / "build/ovs" / HOUSE


def room(path):
    """Returns "core", "protocol" or "apps/NAME", or None for the rest."""
    match = re.match(HOUSE + r"(core|protocol|apps/\w+)/", path)
    return match and match[1]


def includes():
    """Yields each of the house's files with each of them that it includes."""
    for path in sorted((TOP / HOUSE).rglob("*.[ch]")):
        for line in path.read_text().splitlines():
            match = re.match(r'#include "(.*)"', line)
            if match and not (path.parent / match[1]).exists():
                yield str(path.relative_to(TOP)), match[1]


def test_includes():
    seen = set()
    for path, header in includes():
        here, there = room(path), room(header)
        if here is None or there is None or here == there:
            continue
        seen.add((here, there))
        assert there == "protocol" or (here.startswith("apps/")
                                       and there == "core"), (path, header)
    assert ("apps/handover", "core") in seen
    assert ("apps/handover", "protocol") in seen


def test_the_core_names_no_application():
    names = re.findall(r"TASUKID_APP\((\w+)\) +",
                       (TOP / HOUSE / "apps/apps.h").read_text())
    assert len(names) >= 3
    for path in sorted((TOP / HOUSE / "core").glob("*.[ch]")):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for name in names:
            assert '"%s"' % name not in code and name + "_app" not in code, (
                path, name)


def calls(folder):
    """Returns which of a folder's files uses functions and variables of which
    others: as the linker sees it."""
    defined, used = {}, {}
    for path in sorted((TOP / HOUSE / folder).glob("*.c")):
        name = path.stem
        lines = subprocess.run(
            ["nm", str(OBJECTS / folder / ("libtasukid_la-%s.o" % name))],
            stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        used[name] = {line.split()[-1] for line in lines
                      if line.split()[-2] == "U"}
        defined.update({line.split()[-1]: name for line in lines
                        if line.split()[-2] in "TDBRC"})
    return {name: {defined[symbol] for symbol in symbols if symbol in defined}
                  - {name} for name, symbols in used.items()}


@pytest.mark.parametrize("folder", ["core", "apps/handover"])
def test_no_circle(folder):
    """Takes away whatever uses nothing that is left, until nothing is."""
    left = calls(folder)
    assert len(left) > 5 and any(left.values())
    while left:
        free = {name for name, uses in left.items() if not uses & set(left)}
        assert free, {name: uses & set(left) for name, uses in left.items()}
        left = {name: uses for name, uses in left.items() if name not in free}
