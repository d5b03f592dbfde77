# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What a set-up installs does not run on this host, now or after its next boot;
nothing else changes."""

import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
POLICY = "/usr/sbin/policy-rc.d"

# A package with a service, made as debhelper makes them, in an archive of its
# own; and, because that is what the script asks for, a list that names it.
ARCHIVE = r"""
mkdir -p /archive/p/DEBIAN /archive/p/etc/init.d /archive/p/lib/systemd/system
cd /archive
cat >p/DEBIAN/control <<END
Package: tasuki-probe
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: writes down that it was started
END
cat >p/DEBIAN/postinst <<END
#!/bin/sh -e
update-rc.d tasuki-probe defaults
deb-systemd-helper enable tasuki-probe.service
deb-systemd-invoke start tasuki-probe.service || true
$POSTINST
END
cat >p/etc/init.d/tasuki-probe <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides: tasuki-probe
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
END
cat >p/lib/systemd/system/tasuki-probe.service <<END
[Service]
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
END
chmod +x p/DEBIAN/postinst p/etc/init.d/tasuki-probe
dpkg-deb -b p . >/dev/null
dpkg-scanpackages . >Packages 2>/dev/null ||
    { dpkg-deb -f tasuki-probe_1_all.deb
      echo "Filename: ./tasuki-probe_1_all.deb"
      echo "Size: $(stat -c %s tasuki-probe_1_all.deb)"
      echo "SHA256: $(sha256sum tasuki-probe_1_all.deb | cut -d' ' -f1)"
    } >Packages
# There is no systemd here to start anything; it would be asked like that.
mv /usr/bin/systemctl /usr/bin/systemctl.real
cat >/usr/bin/systemctl <<'END'
#!/bin/sh
case " $* " in
*" start "* | *" restart "*) echo "$*" >>/started ;;
*) exec systemctl.real "$@" ;;
esac
END
chmod +x /usr/bin/systemctl
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
echo "deb [trusted=yes] file:/archive ./" >/etc/apt/sources.list
cp "$1/build-aux/install-packages" /archive/
printf '[probe]\ntasuki-probe\n' >/archive/packages
"""


@pytest.fixture
def root(tmp_path):
    """Runs a line of shell where all changes of files go away; a service that
    is started starts."""
    files = subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc",
         'mount -t tmpfs none "$1"; cd "$1"; mkdir up work root;'
         "mount -t overlay -o lowerdir=/,upperdir=up,workdir=work none root;"
         'mount --bind "$2" root/mnt; mount --rbind /dev root/dev;'
         "mount -t proc proc root/proc; echo; exec sleep infinity",
         "sh", str(tmp_path), str(TOP)], stdout=subprocess.PIPE, text=True)
    assert files.stdout.readline()

    def run(command, **env):
        done = subprocess.run(
            ["nsenter", "-t", str(files.pid), "-m", "chroot",
             str(tmp_path / "root"), "bash", "-c", command, "bash", "/mnt"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env})
        print("# %s\n%s" % (command, done.stdout))
        return done

    yield run
    files.kill()
    files.wait()
    files.stdout.close()


INSTALL = "sh /archive/install-packages probe"
OTHERS = "#!/bin/sh\n# of the administrator\nexit 0\n"


@pytest.mark.parametrize("policy", [None, OTHERS])
@pytest.mark.parametrize("postinst", ["true", "false"])
def test_nothing_starts(root, policy, postinst):
    """Also if the installation fails."""
    assert not root(ARCHIVE, POSTINST=postinst).returncode
    root("rm -f %s" % POLICY if policy is None else
         "printf '%s' >%s; chmod +x %s" % (
             policy.replace("\n", "\\n"), POLICY, POLICY))
    before = root("ls -l %s; cat %s; systemctl list-unit-files --state=enabled"
                  % (POLICY, POLICY)).stdout
    done = root(INSTALL)
    assert done.returncode == int(postinst == "false"), done.stdout
    assert not root("dpkg -s tasuki-probe && test -e "
                    "/etc/init.d/tasuki-probe").returncode
    assert root("test -e /started").returncode == 1
    # What was there is there, and nothing else is.
    after = root("ls -l %s; cat %s; systemctl list-unit-files --state=enabled"
                 % (POLICY, POLICY)).stdout
    assert after == before
    assert root("ls %s.*" % POLICY).returncode


def test_the_probe_starts(root):
    """What the other test relies on: without all that it does."""
    assert not root(ARCHIVE, POSTINST="true").returncode
    root("rm -f " + POLICY)
    root("apt-get update && apt-get install -y tasuki-probe")
    assert root("test -e /started").returncode == 0
    assert "tasuki-probe.service" in root(
        "systemctl list-unit-files --state=enabled").stdout


def test_killed(root):
    """One of ours that was left is not taken for the administrator's."""
    assert not root(ARCHIVE, POSTINST="cp %s /left" % POLICY).returncode
    root("rm -f " + POLICY)
    assert not root(INSTALL).returncode
    root("dpkg --purge tasuki-probe; mv /left " + POLICY)
    assert not root(INSTALL).returncode
    assert root("ls %s*" % POLICY).returncode
