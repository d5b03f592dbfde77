# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Draws what was measured."""

import re
import subprocess

from lab import LabError

STYLE = """\
set terminal svg size 900,380 dynamic enhanced font 'sans-serif,13' \
background '#ffffff'
set output {path}
set multiplot layout 1,2
set border 3
set tics nomirror
set grid ytics linecolor rgb '#dddddd'
set key bottom left reverse Left samplen 2
set xlabel 'tenants'
set xtics 1
set xrange [0.5:{last}.5]
"""

THROUGHPUT = """\
set title 'All tenants together, {way}'
set ylabel 'Gbit/s'
set yrange [0:*]
plot $straight using 1:2:3:4 with yerrorlines linecolor rgb '#888888' \
pointtype 4 title 'IPv6 straight', \
$nat64 using ($1+0.1):2:3:4 with yerrorlines linecolor rgb '#0060ad' \
pointtype 7 title 'IPv4, translated'
"""

COST = """\
set title 'What translation costs, by CPU time'
set ylabel '%'
set yrange [-6:6]
set key top left
plot 3 with lines dashtype 2 linecolor rgb '#cc0000' title 'the most it may', \
$service using 1:2 with linespoints linecolor rgb '#0060ad' pointtype 7 \
title 'to the service', \
$lan using 1:2 with linespoints linecolor rgb '#60ad00' pointtype 5 \
title 'to the LAN'
"""


def tenants(objects, path):
    """Draws the throughput by the number of tenants to the SVG file 'path',
    from the measurements 'objects' as in bench.json."""
    data = {name: [] for name in ("straight", "nat64", "service", "lan")}
    way = "to the service"
    for o in objects:
        match = re.fullmatch(r"tenants: (.*), (\d+) (to the \S+)"
                             r"(, by CPU time)?", o["name"])
        if not match:
            continue
        kind, n, to, by_cpu_time = match.groups()
        if not by_cpu_time and to == way:
            data["nat64" if kind == "nat64" else "straight"].append(
                (n, *(o[value] / 1000 for value in ("value", "min", "max"))))
        elif by_cpu_time and kind == "nat64":
            data[to.split()[-1].lower()].append((n, 100 * (1 - o["ratio"])))
    script = "".join("$%s << end\n%s\nend\n" % (
        name, "\n".join(" ".join(map(str, row)) for row in rows))
        for name, rows in data.items())
    script += STYLE.format(path="'%s'" % path, last=data["nat64"][-1][0])
    script += THROUGHPUT.format(way=way) + COST
    done = subprocess.run(["gnuplot"], input=script, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise LabError("gnuplot: " + done.stdout)
