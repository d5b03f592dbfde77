# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The rules of docs/architecture.md about who knows whom in tasukid."""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
HOUSE = "utilities/tasukid/"


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
