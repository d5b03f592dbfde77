# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What a lab has made, kept on disk, so that it can be undone by anybody.

A journal is a file of one JSON object per line.  A process is recorded with
the time it started at, so that an unrelated process which later got the same
pid is never touched.
"""

import json
import os
import shutil
import signal
import subprocess
import time

DIRECTORY = "/run/tasuki-labs"


def start_time(pid):
    """Returns when process 'pid' started, in clock ticks since the machine
    did, or None if there is no such process (or only its zombie)."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            # The command's name, in parentheses, may hold anything.
            fields = f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Journal:
    """The journal of one lab, named 'name'."""

    def __init__(self, name):
        os.makedirs(DIRECTORY, exist_ok=True)
        self.path = os.path.join(DIRECTORY, name)
        self.file = open(self.path, "x", buffering=1)
        self.note("owner", pid=os.getpid(), start=start_time(os.getpid()))

    def note(self, kind, **what):
        """Records a thing of 'kind' "process", "namespace", "attached" (the
        name of a namespace that others made), "directory", or "setting" (a
        file of this machine and what it held, to put back)."""
        self.file.write(json.dumps(dict(what, kind=kind)) + "\n")

    def undo(self):
        """Undoes everything, last first, and forgets it."""
        self.file.close()
        undo(self.path)


def undo(path):
    """Undoes all that the journal at 'path' records, then removes it."""
    entries = _read(path)[1:]
    _kill([e for e in entries if e["kind"] == "process"])
    for entry in reversed(entries):
        if entry["kind"] == "namespace":
            _empty_namespace(entry["name"])
        if entry["kind"] in ("namespace", "attached"):
            if os.path.exists("/run/netns/" + entry["name"]):
                subprocess.run(["ip", "netns", "delete", entry["name"]],
                               check=False)
        if entry["kind"] == "directory":
            shutil.rmtree(entry["path"], ignore_errors=True)
        if entry["kind"] == "setting":
            with open(entry["path"], "w") as f:
                f.write(entry["value"])
    os.unlink(path)


def leftovers():
    """Returns the paths of journals whose lab is no longer running."""
    paths = []
    if os.path.isdir(DIRECTORY):
        for name in sorted(os.listdir(DIRECTORY)):
            path = os.path.join(DIRECTORY, name)
            owner = _read(path)[0]
            if start_time(owner["pid"]) != owner["start"]:
                paths.append(path)
    return paths


def _read(path):
    with open(path) as f:
        lines = f.read().split("\n")
    # A last line without a newline was cut short together with its writer,
    # before the thing that it announces was made.
    return [json.loads(line) for line in lines[:-1]] or [
        {"kind": "owner", "pid": 0, "start": None}]


def _empty_namespace(name):
    """Kills what runs in namespace 'name'.  The lab made the namespace, so
    whatever is in there was started there by the lab.  Processes whose parent
    was killed are not found in any other way."""
    if os.path.exists("/run/netns/" + name):
        pids = subprocess.run(["ip", "netns", "pids", name], check=False,
                              stdout=subprocess.PIPE, text=True).stdout
        for pid in pids.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass


def _kill(processes):
    """Ends 'processes', each with the process group that it leads: politely,
    then by force."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        alive = [p for p in processes
                 if start_time(p["pid"]) == p["start"] is not None]
        for process in reversed(alive):
            try:
                os.killpg(process["pid"], sig)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 3
        while alive and time.monotonic() < deadline:
            for process in alive:
                try:
                    os.waitpid(process["pid"], os.WNOHANG)
                except ChildProcessError:
                    pass        # Somebody else's child, or already waited for.
            alive = [p for p in alive if start_time(p["pid"]) == p["start"]]
            time.sleep(0.01)
