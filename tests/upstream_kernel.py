# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Open vSwitch's own tests of the kernel datapath, "make check-kernel", in
User Mode Linux: with our module, and where a test does not pass, with Linux's
own, too.  What fails there as well is no fault of ours."""

import concurrent.futures
import glob
import os
import re
import shlex
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OVS = os.path.join(TOP, "build", "ovs")

# Open vSwitch 3.1 counts the CPUs only when its clock, the guest's, has passed
# ten seconds; an ovs-vswitchd that starts before handles no upcalls.
WAIT = "while read -r t _ </proc/uptime; [ ${t%.*} -lt 11 ]; do sleep 1; done"

# Seconds that a guest gets to start, and for each test: three times what they
# take.  What a guest that hangs did not do is done by another.
START, A_TEST = 120, 40

RESULT = re.compile(r"^ *(\d+): (.*?) +(ok|FAILED|skipped)\b", re.M)

# Tests whose packets go through what our patches touch: the actions of a flow
# as they come from userspace and go back there, lists of actions inside of
# others, what is executed after what, the flow key of a packet that changes,
# packets that are cloned, cut, taken apart and reassembled.  A fifth of all.
# Not "truncate and output to gre tunnel": it reads a counter at once after it
# has sent a packet twice through userspace, and so fails every other time, with
# Linux's own module, too.
SELECTED = (
    "datapath - http between two ports",
    "datapath - ping6 between two ports with header modify",
    "datapath - ping vlan over vxlan tunnel",
    "datapath - ping over geneve tunnel",
    "datapath - clone action",
    "datapath - mpls actions",
    "datapath - encap decap mpls actions",
    "datapath - basic truncate action",
    "datapath - simulated flow action update",
    "conntrack - controller",
    "conntrack - force commit",
    "conntrack - zones from field",
    "conntrack - IPv4 fragmentation + vlan",
    "conntrack - IPv6 fragmentation",
    "conntrack - resubmit to ct multiple times",
    "conntrack - IPv6 HTTP",
    "conntrack - multi-stage pipeline, local",
    "conntrack - FTP",
    "conntrack - more complex SNAT",
    "conntrack - DNAT with additional SNAT",
    "conntrack - IPv6 ICMP6 Related with SNAT",
    "802.1ad - push/pop outer 802.1ad",
    "nsh - encap header",
    "nsh - decap header",
    "nsh - replace header",
    "layer3 - ping over GRE",
)


def find_tests(names=None):
    """Returns the numbers of the tests with those names, or of all."""
    listing = subprocess.run(
        ["make", "-s", "-C", OVS, "-o", "all", "check-kernel",
         "TESTSUITEFLAGS=-l"],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    tests = {name.strip(): number for number, name
             in re.findall(r"^ +(\d+): \S+:\d+ (.*)$", listing, re.M)}
    return [tests[name] for name in names or tests]


def run(log, names=None):
    """Runs the tests with those names, or all.  Prints what did not pass.
    Returns how many passed, how many failed that do not fail with Linux's own
    module, and how many others there are; the names of those that passed only
    when repeated; and an exit status, which is not 0 if the kernel complained.
    """
    tests = find_tests(names)
    ours, flaky, status = run_tests(log, tests)
    others = [number for number in tests if ours[number][1] != "ok"]
    theirs, _, _ = run_tests(log, others, "--vanilla")
    failed = 0
    for number in others:
        name, result = ours[number]
        if theirs[number][1] == "ok":
            failed += 1
            print("    %s: %s %s (passes with Linux's own module)"
                  % (number, name, result), flush=True)
        elif "FAILED" in (result, theirs[number][1]):
            print("    %s: %s %s (with Linux's own module: %s)"
                  % (number, name, result, theirs[number][1]), flush=True)
    return (len(tests) - len(others), failed, len(others) - failed, flaky,
            status)


def run_tests(log, tests, *options):
    """Runs 'tests', those that fail twice, in as many guests at a time as
    there are CPUs.  Returns a dict from the number of each to its name and
    result, a list of those that passed only the second time, and the exit
    status."""
    results = {number: ("?", "did not run") for number in tests}
    first, status = {}, 0
    for _ in range(2):
        tests = [number for number in tests
                 if results[number][1] not in ("ok", "skipped")]
        n = min(os.cpu_count(), len(tests))
        if not n:
            break
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            for more, code in pool.map(
                    lambda i: run_guest(log, tests[i::n], *options),
                    range(n)):
                results.update(more)
                status = status or code
        first = first or dict(results)
    flaky = ["%s: %s" % (number, results[number][0]) for number in first
             if first[number][1] != "ok" and results[number][1] == "ok"]
    return results, flaky, status


def run_guest(log, tests, *options):
    """Runs 'tests' in a guest, one after the other, and returns the same.
    Writes to 'log' what the test suite says about those that fail."""
    suite = "make -s -C %s -o all check-kernel TESTSUITEFLAGS=%s" % (
        shlex.quote(OVS), shlex.quote("--color=never " + " ".join(tests)))
    keep = "cp -r %s/tests/system-kmod-testsuite.dir $TASUKI_SHARE/failed" % (
        shlex.quote(OVS))
    log.write("== uml %s: %s\n" % (" ".join(options), " ".join(tests)))
    deadline = START + len(tests) * A_TEST
    lines, stuck = [], False
    with tempfile.TemporaryDirectory() as share:
        with subprocess.Popen(
                ["utilities/labs/uml", *options, "--timeout", str(deadline),
                 "--share", share, "sh", "-c",
                 "%s\n%s || %s" % (WAIT, suite, keep)],
                cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
                errors="replace") as process:
            for line in process.stdout:
                log.write(line)
                log.flush()
                lines.append(line)
                stuck = stuck or "not done in the guest after" in line
        if stuck:
            print("    a guest did not end in %d s, its tests were %s; it said"
                  % (deadline, " ".join(tests)), *lines[-5:], sep="\n    ",
                  flush=True)
        for path in sorted(glob.glob(os.path.join(
                share, "failed", "*", "system-kmod-testsuite.log"))):
            with open(path, errors="replace") as f:
                log.write(f.read())
    log.flush()
    return ({number: (name, result) for number, name, result
             in RESULT.findall("".join(lines))},
            0 if stuck else process.returncode)
