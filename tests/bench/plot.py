# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Draws what was measured."""

import re
import subprocess

from lab import LabError

STYLE = """\
set terminal svg size 900,400 dynamic enhanced font 'sans-serif,13' \
background '#ffffff'
set output '{path}'
set multiplot layout 1,2
set border 3
set tics nomirror
set grid ytics linecolor rgb '#dddddd'
set key top right samplen 3
set xlabel 'tenants that transfer at the same time'
set ylabel 'Gbit/s, all together'
set xtics 1
set xrange [0.5:{last}.5]
set yrange [0:{top}]
"""

PANEL = """\
set title '{way}'
plot $straight_cpu with linespoints linecolor rgb '#777777' pointtype 4 \
title 'IPv6 straight, by CPU time', \
$nat64_cpu with linespoints linecolor rgb '#0060ad' pointtype 7 \
title 'IPv4 translated, by CPU time', \
$straight with linespoints linecolor rgb '#777777' dashtype 2 pointtype 4 \
title 'IPv6 straight, by the clock', \
$nat64 with linespoints linecolor rgb '#0060ad' dashtype 2 pointtype 7 \
title 'IPv4 translated, by the clock'
"""


LICENCE = "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"


def tenants(objects, path):
    """Draws the throughput by the number of tenants to the SVG file 'path',
    from the measurements 'objects' as in bench.json."""
    panels = {}
    for o in objects:
        match = re.fullmatch(r"tenants: (.*), (\d+) (to the \S+)"
                             r"(, by CPU time)?", o["name"])
        if match:
            kind, n, way, by_cpu_time = match.groups()
            name = "$%s%s" % (kind.split()[-1], by_cpu_time and "_cpu" or "")
            panels.setdefault(way, {}).setdefault(name, []).append(
                (int(n), o["value"] / 1000))
    rows = [row for lines in panels.values() for line in lines.values()
            for row in line]
    script = STYLE.format(path=path, last=max(row[0] for row in rows),
                          top=round(1.55 * max(row[1] for row in rows)))
    for way, lines in panels.items():
        for name, line in lines.items():
            script += "%s << end\n%send\n" % (
                name, "".join("%d %g\n" % row for row in line))
        script += PANEL.format(way=way)
    done = subprocess.run(["gnuplot"], input=script, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise LabError("gnuplot: " + done.stdout)
    with open(path, encoding="utf-8") as f:
        drawing = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(drawing.replace("<title>", LICENCE + "<title>", 1))
