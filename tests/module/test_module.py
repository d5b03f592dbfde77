# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The kernel module's sources and its build."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
LINUX = TOP / "build/src/linux"
BUILT = TOP / "build/kernel"
OURS = sorted((TOP / "datapath").glob("*.[ch]"))


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, check=False, **kwargs)


def release():
    """Returns the kernel release that the module was built for last."""
    return (BUILT / "openvswitch.ko").resolve().parent.name


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_checkpatch(path):
    done = run("perl", LINUX / "scripts/checkpatch.pl", "--no-tree",
               "--strict", "--terse", "-f", path)
    assert not done.stdout
    assert done.returncode == 0


def test_sparse(tmp_path):
    """sparse has nothing to say about our files, nor about upstream's that it
    did not before; about the kernel's own headers we can do nothing."""
    shutil.copytree(LINUX / "net/openvswitch", tmp_path, dirs_exist_ok=True)
    done = run("make", "-C", "/lib/modules/%s/build" % release(),
               "M=%s" % tmp_path, "C=2", "CF=-D__CHECK_ENDIAN__", "modules")
    assert done.returncode == 0, done.stdout
    checked = re.findall(r"CHECK +\S*/(\S+)\.c", done.stdout)
    assert {path.stem for path in OURS if path.suffix == ".c"
            and "kunit" not in path.stem} < set(checked)
    said = [line for line in done.stdout.splitlines()
            if re.search(r"(warning|error):", line) and str(tmp_path) in line]
    assert not said


@pytest.mark.parametrize("name", ["openvswitch", "vport-geneve", "vport-gre",
                                  "vport-vxlan"])
def test_built(name):
    module = BUILT / (name + ".ko")
    done = run("modinfo", "-F", "vermagic", module)
    assert done.stdout.split()[0] == release()
    assert run("modinfo", "-F", "license", module).stdout.startswith("GPL")


def test_kernel_without_headers(tmp_path):
    done = run(TOP / "build-aux/build-module", LINUX, tmp_path, "6.1.0-nobody")
    assert done.returncode == 1
    assert ("no module for kernel 6.1.0-nobody: its headers are not installed "
            "(package linux-headers-6.1.0-nobody)") in done.stdout


def fake_headers(directory, version, config):
    """Makes something that looks like the headers of a kernel."""
    include = directory / "include/config"
    include.mkdir(parents=True)
    (include / "kernel.release").write_text(version)
    (include / "auto.conf").write_text(config)
    return directory


@pytest.mark.parametrize("version, config, why", [
    ("6.12.1", "CONFIG_OPENVSWITCH=m\n",
     "it is Linux 6.12.1, and this module is for 6.1"),
    ("6.10.3", "CONFIG_OPENVSWITCH=m\n",
     "it is Linux 6.10.3, and this module is for 6.1"),
    ("6.1.99", "CONFIG_OPENVSWITCH=y\n",
     "it has an Open vSwitch built in, which no module replaces"),
    ("6.1.99", "",
     "it was configured without what Open vSwitch needs"),
])
def test_wrong_kernel(tmp_path, version, config, why):
    headers = fake_headers(tmp_path / "headers", version, config)
    modules = pathlib.Path("/lib/modules/%s-tasuki-test" % version)
    modules.mkdir()
    try:
        (modules / "build").symlink_to(headers)
        done = run(TOP / "build-aux/build-module", LINUX, tmp_path / "out",
                   modules.name)
    finally:
        shutil.rmtree(modules)
    assert done.returncode == 1
    assert "no module for kernel %s: %s" % (modules.name, why) in done.stdout
    assert not list(tmp_path.glob("out/**/*.ko"))


def test_unsupported_sources(tmp_path):
    tarball = tmp_path / "linux-source-5.10.tar.xz"
    tarball.write_bytes(b"")
    done = run(TOP / "build-aux/prepare-linux", tarball, tmp_path / "src")
    assert done.returncode == 1
    assert "Linux 5.10 is not supported; supported are: 6.1" in done.stdout


def test_not_linux(tmp_path):
    tarball = tmp_path / "linux-source-6.1.tar.xz"
    run("tar", "cJf", tarball, "-C", TOP, "LICENSE")
    done = run(TOP / "build-aux/prepare-linux", tarball, tmp_path / "src")
    assert done.returncode == 1
    assert "these are not Linux's sources" in done.stdout
    assert not (tmp_path / "src").exists()


def test_install_and_remove(tmp_path):
    environment = dict(os.environ, DESTDIR=str(tmp_path))
    install = TOP / "build-aux/install-module"
    done = run(install, BUILT, env=environment)
    target = tmp_path / "lib/modules" / release() / "updates/tasuki"
    assert done.returncode == 0
    assert sorted(path.name for path in target.iterdir()) == [
        "openvswitch.ko", "vport-geneve.ko", "vport-gre.ko", "vport-vxlan.ko"]
    # Without debugging information, which is most of it.
    assert (target / "openvswitch.ko").stat().st_size < 1 << 20
    done = run(install, "--remove", BUILT, env=environment)
    assert done.returncode == 0
    assert not target.exists()


def test_signed(tmp_path):
    """With a key the modules carry a signature of it."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.der"
    done = run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048",
               "-nodes", "-keyout", key, "-outform", "DER", "-out", cert,
               "-subj", "/CN=test router/", "-days", "1")
    assert done.returncode == 0, done.stdout
    done = run(TOP / "build-aux/install-module", BUILT, env=dict(
        os.environ, DESTDIR=str(tmp_path), MODULE_KEY=str(key),
        MODULE_CERT=str(cert)))
    assert done.returncode == 0, done.stdout
    for path in tmp_path.glob("lib/modules/*/updates/tasuki/*.ko"):
        assert path.read_bytes().endswith(b"~Module signature appended~\n")
        assert run("modinfo", "-F", "signer", path).stdout == "test router\n"


def test_dkms(tmp_path):
    """DKMS builds the module from what it is given, for the kernels that it is
    for."""
    done = run("make", "-C", TOP, "dkms")
    assert done.returncode == 0, done.stdout
    directory, = (TOP / "build/dkms").iterdir()
    assert not [path for path in directory.iterdir() if path.is_symlink()]
    shutil.copytree(directory, tmp_path / "sources" / directory.name)
    (tmp_path / "tree").mkdir()

    def dkms(verb, kernel):
        return run("dkms", verb, "/".join(directory.name.rsplit("-", 1)),
                   "-k", kernel, "--dkmstree", tmp_path / "tree",
                   "--sourcetree", tmp_path / "sources", "--kernelsourcedir",
                   "/lib/modules/%s/build" % release())
    done = dkms("build", release())
    assert done.returncode == 0, done.stdout
    built = tmp_path.glob("tree/*/*/%s/*/module/*.ko" % release())
    assert sorted(path.name for path in built) == [
        "openvswitch.ko", "vport-geneve.ko", "vport-gre.ko", "vport-vxlan.ko"]
    done = dkms("build", "6.12.1-amd64")
    assert done.returncode != 0
    assert "BUILD_EXCLUSIVE directive which does not match" in done.stdout
