# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The labs themselves: they work, and they leave nothing behind."""

import os
import re
import signal
import subprocess

import pytest

from lab import journal
from lab.lab import REPOSITORY, wait_for

LABS = os.path.join(REPOSITORY, "utilities", "labs")
DEMO = os.path.join(LABS, "demo")
SWITCH = ("--custom", os.path.join(LABS, "mininet_handover.py"), "--topo",
          "tasuki", "--switch", "tasuki", "--controller", "none")


def things(pid):
    """Returns everything on this machine that labs of process 'pid' made."""
    prefix = "tasuki-%d-" % pid
    found = []
    for directory in ("/run/netns", "/tmp", journal.DIRECTORY):
        if os.path.isdir(directory):
            found += [os.path.join(directory, name)
                      for name in os.listdir(directory)
                      if name.startswith(prefix)]
    return found


def processes(directory):
    """Returns the command lines that mention 'directory', of processes that
    are more than zombies."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid) as f:
                command = f.read()
        except OSError:
            continue
        if directory in command and journal.start_time(int(pid)):
            found.append(command.replace("\0", " "))
    return found


@pytest.fixture
def demo():
    """A demo that has got as far as moving connections."""
    process = subprocess.Popen([DEMO, "--runs", "50"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               preexec_fn=lambda: signal.signal(
                                   signal.SIGINT, signal.default_int_handler))
    said = []
    for line in process.stdout:
        said.append(line)
        if "What it costs" in line:
            break
    assert things(process.pid), "".join(said)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.parametrize("sig, status", (
    (signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM),
    (signal.SIGHUP, 128 + signal.SIGHUP)))
def test_interrupted(demo, sig, status):
    demo.send_signal(sig)
    assert demo.wait(20) == status
    assert not things(demo.pid)
    assert not processes("tasuki-%d-" % demo.pid)


STARTS_IN_THE_BACKGROUND = """
from lab import Lab
with Lab() as lab:
    print(lab.start("sh", "-c", "kill -INT $$").wait(10))
"""


def test_background():
    """A lab that was told to ignore SIGINT does not tell its programs."""
    done = subprocess.run(["env", "--ignore-signal=INT", "/usr/bin/python3",
                           "-c", STARTS_IN_THE_BACKGROUND], check=True,
                          stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, PYTHONPATH=LABS))
    assert done.stdout == "%d\n" % -signal.SIGINT


def test_killed(demo):
    """What cannot clean up after itself is cleaned up after."""
    demo.kill()
    demo.wait()
    # The kernel ends what the demo had started.
    wait_for(lambda: not processes("tasuki-%d-" % demo.pid), "the end", 10)
    assert things(demo.pid)
    subprocess.run([os.path.join(LABS, "cleanup")], check=True,
                   stdout=subprocess.DEVNULL)
    assert not things(demo.pid)


def test_demo_fails_loudly():
    """A demo that cannot work says why and fails."""
    done = subprocess.run([DEMO], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=60,
                          env=dict(os.environ, TASUKI_BIN="/nonexistent"))
    assert done.returncode == 1
    assert "/nonexistent" in done.stderr


def test_demo_mirror():
    """The demo checks itself what it shows."""
    done = subprocess.run([os.path.join(LABS, "demo-mirror")], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=100)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("HTTP/1.1 200 OK") == 5, done.stdout


def mininet(*argv, timeout=100, switch=SWITCH):
    done = subprocess.run(["mn", *switch, *argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          timeout=timeout)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_mininet_requests():
    output = mininet("--test", "requests")
    assert output.count("answered by") == 3, output


def test_mininet_sensors():
    custom = os.path.join(LABS, "mininet_mirror.py")
    output = mininet("--test", "sensors", switch=("--custom", custom,
                                                  *SWITCH[2:]))
    assert "whole got" in output, output


def test_mininet_ping():
    # Of the client and server1.  "pingall" finds that server2 gets no answers:
    # they go to the address that it shares.
    output = mininet("--test", "pingpair")
    assert "0% dropped" in output, output


def test_mininet_prompt(tmp_path):
    """The commands that the topology's description shows."""
    script = tmp_path / "commands"
    script.write_text(
        "client curl -s -i http://10.0.0.1/images/\n"
        "s1 ovs-ofctl -O OpenFlow13 dump-flows br0\n"
        "s1 tasuki-ctl show\n"
        "s1 ovs-appctl -t tasukid service/show\n")
    output = mininet("--post", str(script), "--test", "pingpair")
    # curl prints the names of headers bold, as on any terminal.
    assert re.search(r"X-Served-By\S*: server2", output), output
    assert "nw_dst=10.0.0.1" in output, output
    assert "service web" in output, output
