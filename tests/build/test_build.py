# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The set-up says what is wrong, and a change costs what it should."""

import io
import os
import pathlib
import re
import subprocess
import tarfile
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PREPARE = TOP / "build-aux" / "prepare-ovs"
INSTALL = TOP / "build-aux" / "install-packages"

BENCH_PACKAGES = "dpdk gnuplot-nox haproxy libdpdk-dev"


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300, check=False, **kwargs)


def tarball(path, files):
    """Writes a tar archive that looks like that of openvswitch-source."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo("openvswitch/" + name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def configure_ac(version):
    return "AC_INIT(openvswitch, %s, bugs@openvswitch.org)\n" % version


def test_no_tarball(tmp_path):
    done = run(PREPARE, tmp_path / "none.tar.gz", tmp_path / "src")
    assert done.returncode == 1
    assert "none.tar.gz: no such file (package openvswitch-source)" \
        in done.stderr


@pytest.mark.parametrize("version", ["2.17.0", "3.0.9", "4.1.0"])
def test_unsupported_version(tmp_path, version):
    archive = tarball(tmp_path / "ovs.tar.gz",
                      {"configure.ac": configure_ac(version)})
    done = run(PREPARE, archive, tmp_path / "src")
    assert done.returncode == 1
    assert "Open vSwitch %s is not supported; supported are: 3.1" % version \
        in done.stderr
    assert not (tmp_path / "src").exists()


def test_not_openvswitch(tmp_path):
    archive = tarball(tmp_path / "x.tar.gz", {"configure.ac": "AC_INIT(x)\n"})
    done = run(PREPARE, archive, tmp_path / "src")
    assert done.returncode == 1
    assert "these are not Open vSwitch's sources" in done.stderr


def test_patch_that_does_not_apply(tmp_path):
    """Sources that are not those which the patches are for."""
    archive = tarball(tmp_path / "ovs.tar.gz",
                      {"configure.ac": configure_ac("3.1.0"),
                       "lib/ovs-thread.c": "/* Something else. */\n"})
    done = run(PREPARE, archive, tmp_path / "src")
    assert done.returncode == 1
    assert ("patches/ovs-3.1/upstream/0001-cpu-count.patch does not apply to "
            "Open vSwitch 3.1.0" in done.stderr)
    assert not (tmp_path / "src").exists()


def fake_dpkg(tmp_path, uid):
    """Returns an environment with no package installed and no way to install
    one but a user with 'uid' to ask for."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("dpkg-query", "exit 1"), ("id", "echo %d" % uid),
                       ("apt-get", "echo \"apt-get $*\"; exit 100")):
        (programs / name).write_text("#!/bin/sh\n%s\n" % text)
        (programs / name).chmod(0o755)
    return {**os.environ, "PATH": "%s:%s" % (programs, os.environ["PATH"])}


def test_missing_packages_without_root(tmp_path):
    done = run(INSTALL, "bench", env=fake_dpkg(tmp_path, 1000))
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends " + BENCH_PACKAGES \
        in done.stderr
    assert "apt-get update" not in done.stdout + done.stderr


def test_missing_packages_that_cannot_be_had(tmp_path):
    done = run(INSTALL, "bench", env=fake_dpkg(tmp_path, 0))
    assert done.returncode == 1
    assert "tasuki: installing " + BENCH_PACKAGES in done.stdout
    assert "could not install: " + BENCH_PACKAGES in done.stderr


def test_nothing_missing():
    done = run(INSTALL, "build")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def built():
    """Returns when each object of the build was made."""
    return {path: path.stat().st_mtime_ns
            for path in (TOP / "build" / "ovs").rglob("*.o")}


def test_rebuild_is_small():
    """Touching one file of ours compiles that one and no other."""
    assert run("make", "-C", TOP).returncode == 0
    before = built()
    time.sleep(1.1)
    (TOP / "lib" / "tasuki-tcp-offset.c").touch()
    assert run("make", "-C", TOP).returncode == 0
    after = built()
    assert [path.name for path in after if after[path] != before.get(path)] \
        == ["tasuki-tcp-offset.o"]


@pytest.mark.parametrize("tree, target", [
    ("openvswitch", "sources"), ("linux", "dkms")])
def test_links_stay(tree, target):
    """What is there already is not touched: another build may be reading it."""
    def links():
        return {path: (path.lstat().st_ino, path.lstat().st_ctime_ns)
                for path in (TOP / "build/src" / tree).rglob("*")
                if path.is_symlink()}
    assert run("make", "-C", TOP, target).returncode == 0
    before = links()
    assert len(before) > 20
    assert run("make", "-C", TOP, target).returncode == 0
    assert links() == before


def test_every_file_names_its_licence():
    exempt = {"LICENSE", ".gitignore"}
    missing = []
    for name in run("git", "-C", TOP, "ls-files").stdout.split():
        if (name in exempt or name.startswith(("LICENSES/", "patches/"))
                or name.endswith((".ovsschema", ".ann"))):
            continue
        with open(TOP / name, errors="replace") as f:
            if "SPDX-License-Identifier" not in f.read(600):
                missing.append(name)
    assert not missing


def test_documented_defaults():
    """The defaults in the manuals are those in the code."""
    defaults = dict(re.findall(
        r"^#define SERVICE_(\w+)_DEFAULT (\d+)", (
            TOP / "utilities/tasukid/apps/handover/engine/service.h").read_text(),
        re.MULTILINE))
    assert len(defaults) == 5
    manual = (TOP / "docs/tasuki-ctl.8.in").read_text().replace("\\", "")
    reference = (TOP / "utilities/tasukid/tasuki.xml").read_text().split(
        '<table name="Service"')[1]
    for name, value in defaults.items():
        keyword = name.lower().replace("_", "-")
        assert re.search(r"fB%s=fI\w+fR \((\d+)\)" % keyword,
                         manual)[1] == value, name
        column = re.search(
            r'<column name="%s">(.*?)</column>' % name.lower(), reference,
            re.DOTALL)[1]
        assert re.search(r"\b%s\b" % value, column), name


def test_only_one_program_is_linked_with_wiretap(installed):
    """Its licence would become that of the others."""
    def libraries(path):
        return run("ldd", path).stdout
    programs = {path.name: libraries(path)
                for path in (installed / "usr/local").rglob("*")
                if path.parent.name in ("bin", "sbin")
                and "libc.so" in libraries(path)}
    assert {"tasukid", "ovs-vswitchd"} <= set(programs)
    assert {name for name, text in programs.items() if "libwiretap" in text} \
        == {"tasuki-capture"}


def test_install(installed):
    names = {path.name for path in installed.rglob("*") if path.is_file()}
    assert {"ovs-vswitchd", "ovs-ofctl", "tasukid", "tasuki-ctl",
            "tasuki.ovsschema", "tasuki-actions.7", "tasukid.8",
            "tasuki-ctl.8", "tasuki-capture", "tasuki-capture.8",
            "tasuki-capture-completion.bash", "mod_remote_if.so",
            "tasuki-links", "libtasuki-links.so", "tasuki-links.1",
            "tasuki-links-completion.bash", "ovsdb-server.service",
            "ovs-vswitchd.service", "tasukid.service"} <= names
