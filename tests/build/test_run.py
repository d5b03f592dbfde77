# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tests/run counts what the test programs report."""

import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import time

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def runner():
    sys.path.insert(0, str(TESTS))
    loader = importlib.machinery.SourceFileLoader("tests_run",
                                                  str(TESTS / "run"))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


REPORTS = {
    "autotest": ("  1: first                      ok\n"
                 "  2: second                     FAILED (x.at:7)\n"
                 "  3: third                      FAILED (x.at:9)\n"
                 "  4: fourth                     skipped (x.at:11)\n"
                 "  2: second                     ok\n"
                 "  3: third                      FAILED (x.at:9)\n"),
    "pytest": ("tests/x.py::first PASSED [ 25%]\n"
               "tests/x.py::second FAILED [ 50%]\n"
               "tests/x.py::third ERROR [ 75%]\n"
               "tests/x.py::fourth SKIPPED (why) [100%]\n"
               "tests/x.py::second PASSED [ 50%]\n"
               "tests/x.py::third FAILED [100%]\n"),
    # At first several at a time, those that failed then one by one.
    "xdist": ("[gw0] [ 25%] PASSED tests/x.py::first \n"
              "[gw1] [ 50%] FAILED tests/x.py::second \n"
              "[gw0] [ 75%] FAILED tests/x.py::third \n"
              "[gw1] [100%] SKIPPED tests/x.py::fourth \n"
              "tests/x.py::second PASSED [ 50%]\n"
              "tests/x.py::third FAILED [100%]\n"),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_repeated(runner, report):
    """Of a test that ran twice the last time counts, and if that is a better
    one, the test is named as flaky."""
    log = io.StringIO()
    tally, status = runner.execute(["printf", "%s", report], log)
    assert (tally.passed, tally.failed, tally.skipped) == (2, 1, 1)
    assert status == 0
    assert log.getvalue() == report
    flaky, = tally.flaky
    failed, = tally.failures
    assert "second" in flaky and "third" in failed


def test_last_lines(runner, monkeypatch, tmp_path, capsys):
    """What is flaky is named before the last line, and is no failure."""
    monkeypatch.setattr(runner, "TOP", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run", "unit"])
    monkeypatch.setitem(runner.KINDS, "unit", (
        lambda log: runner.execute(
            ["printf", "1: a  FAILED (x)\n1: a  ok\n2: b  ok\n"], log), "x"))
    assert runner.main() == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "== what passed only when repeated", "    1: a FAILED (x)",
        "1 flaky", "2 passed, 0 failed, 0 skipped"]


def test_not_built(runner, monkeypatch, tmp_path, capsys):
    """A kind whose programs cannot be built fails, and says so."""
    monkeypatch.setattr(runner, "TOP", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run", "fuzz"])
    monkeypatch.setitem(runner.BUILDS, "asan", ["false"])
    assert runner.main() == 1
    out = capsys.readouterr().out
    assert "not built: asan, see build/check/build-asan.log" in out
    assert out.endswith("0 passed, 1 failed, 0 skipped\n")


@pytest.mark.parametrize("kinds, policy", [
    (["fuzz"], "SCHED_OTHER"), (["unit", "fuzz"], "SCHED_IDLE")])
def test_built_meanwhile(runner, monkeypatch, tmp_path, kinds, policy):
    """What is built beside tests does not take their CPUs; what tests wait for
    takes what it gets."""
    monkeypatch.setattr(runner, "TOP", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run", *kinds])
    monkeypatch.setitem(runner.BUILDS, "asan", ["sh", "-c", "chrt -p $$"])
    log = tmp_path / "build/check/build-asan.log"

    def test(_):
        # The build has begun; a test, too, and so it stays as it is.
        while not log.exists() or policy not in log.read_text():
            time.sleep(0.1)
        return runner.execute(["echo", "1: a  ok"], io.StringIO())

    for kind in kinds:
        monkeypatch.setitem(runner.KINDS, kind, (test, "x"))
    assert runner.main() == 0
