# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Applications that are not part of Tasuki: built against an installed copy,
loaded, refused, and taken away."""

import os
import pathlib
import re
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = TOP / "docs/examples"
DPID = "00000000000000ab"

# What every one of those below has.
HEAD = """
#include <tasukid/app.h>
"""
CLASS = """
const struct app_class tasukid_app = {
    .name = "%s", .version = %s, .id = %s, %s
};
"""


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Switch:
    """A switch with three dummy ports, and a tasukid that runs on it, out of
    the installed copy."""

    def __init__(self, installed, tmp_path):
        self.dir = tmp_path
        self.apps = tmp_path / "apps"
        self.apps.mkdir()
        prefix = installed / "usr/local"
        self.schemas = prefix / "share/openvswitch"
        self.env = {
            **os.environ,
            "PATH": "%s/bin:%s/sbin:%s" % (prefix, prefix, os.environ["PATH"]),
            "PKG_CONFIG_PATH": "%s/lib/pkgconfig" % prefix,
            "PKG_CONFIG_SYSROOT_DIR": str(installed),
            "OVS_RUNDIR": str(tmp_path), "OVS_LOGDIR": str(tmp_path),
            "OVS_DBDIR": str(tmp_path), "OVS_SYSCONFDIR": str(tmp_path),
        }
        self.programs = []
        self.run("ovsdb-tool create conf.db %s/vswitch.ovsschema"
                 % self.schemas)
        self.run("ovsdb-tool create tasuki.db %s/tasuki.ovsschema"
                 % self.schemas)
        self.start("ovsdb-server", "--remote=punix:%s/db.sock" % tmp_path,
                   "conf.db", "tasuki.db")
        wait_for((tmp_path / "db.sock").exists, "ovsdb-server")
        self.start("ovs-vswitchd", "--enable-dummy", "--disable-system",
                   "unix:%s/db.sock" % tmp_path)
        self.run("ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=dummy "
                 "fail_mode=secure other_config:datapath-id=%s" % DPID)
        for i in 1, 2, 3:
            self.run("ovs-vsctl add-port br0 p%d -- set Interface p%d "
                     "type=dummy ofport_request=%d" % (i, i, i))
        self.run("tasuki-ctl init -- set-connection unix:%s/br0.mgmt"
                 % tmp_path)
        self.tasukid = self.start_tasukid()

    def start(self, name, *argv):
        program = subprocess.Popen(
            [name, "--no-chdir", "--pidfile=%s/%s.pid" % (self.dir, name),
             "--unixctl=%s/%s.ctl" % (self.dir, name),
             "--log-file=%s/%s.log" % (self.dir, name), *argv],
            cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(self.dir / (name + ".err"), "a"))
        self.programs.append(program)
        return program

    def start_tasukid(self):
        program = self.start("tasukid", "--app-dir=%s" % self.apps)
        wait_for((self.dir / "tasukid.ctl").exists, "tasukid")
        return program

    def stop(self):
        for program in reversed(self.programs):
            program.terminate()
            program.wait(30)

    def run(self, command, check=True):
        done = subprocess.run(["sh", "-c", command], cwd=self.dir,
                              env=self.env, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def appctl(self, command):
        return self.run("ovs-appctl -t %s/tasukid.ctl %s"
                        % (self.dir, command))

    def build(self, name, source):
        """Compiles 'source' as a stranger would."""
        (self.dir / (name + ".c")).write_text(source)
        self.run("cc -Wall -Werror "
                 "-O2 -shared -fPIC $(pkg-config --cflags tasukid) %s.c "
                 "-o apps/%s.so" % (name, name))

    def log(self):
        return (self.dir / "tasukid.log").read_text(errors="replace")

    def status(self):
        return self.run("tasuki-ctl --bare get Switch %s status" % DPID)

    def flows(self, table):
        return self.run("ovs-ofctl -O OpenFlow15 --no-stats dump-flows "
                        "unix:%s/br0.mgmt table=%d | grep -v reply"
                        % (self.dir, table), check=False)

    def receive(self, port, source):
        """A frame to an unknown address comes in by 'port'."""
        self.run("ovs-appctl -t %s/ovs-vswitchd.ctl netdev-dummy/receive "
                 "p%d 'in_port(%d),eth(src=50:54:00:00:00:%02x,"
                 "dst=50:54:00:00:00:ff),eth_type(0x1234)'"
                 % (self.dir, port, port, source))


@pytest.fixture
def switch(installed, tmp_path):
    it = Switch(installed, tmp_path)
    yield it
    it.stop()


def test_refused(switch):
    """What does not fit is refused, with the reason, and the rest runs."""
    switch.build("old", HEAD + CLASS % (
        "old", "APP_INTERFACE_VERSION + 1", "0x91", ""))
    switch.build("inside", HEAD + CLASS % (
        "inside", "APP_INTERFACE_VERSION", "0x55", ""))
    switch.build("alias", HEAD + CLASS % (
        "other", "APP_INTERFACE_VERSION", "0x92", ""))
    switch.build("empty", HEAD + "int tasukid_application;\n")
    (switch.apps / "text.so").write_text("no shared object\n")
    names = "old inside alias empty text none ../apps/old".split()
    switch.run("tasuki-ctl add-switch %s apps=forward -- set Switch %s "
               "'applications=[forward,%s]'" % (DPID, DPID, ",".join(
                   '"%s"' % name for name in names)))
    wait_for(lambda: "goto_table:40" in switch.flows(0), "forward's flows")
    status = wait_for(
        lambda: "refused_applications" in switch.status() and switch.status(),
        "the status")
    for reason in (
            "old: built for version 3 of the interface, not 2",
            "inside: its flows' id 0x55 is not 0x80 or more",
            "alias: %s/alias.so is application" % switch.apps,
            "empty: %s/empty.so does not define" % switch.apps,
            "text: %s/text.so: " % switch.apps,
            "none: there is no %s/none.so" % switch.apps,
            "../apps/old: that is not the name of an application"):
        assert reason in status.replace("\\", ""), status
    # Each is logged once, however often the database changes.
    switch.run("tasuki-ctl set Switch %s external_ids:a=b "
               "forward_mode=learning" % DPID)
    switch.run("tasuki-ctl set Switch %s other_config:mac-aging-time=20"
               % DPID)
    assert len(re.findall("application none: ", switch.log())) == 1
    # It fits now.
    switch.build("none", HEAD + CLASS % (
        "none", "APP_INTERFACE_VERSION", "0x93", ""))
    switch.run("tasuki-ctl set Switch %s 'applications=[forward,none]'" % DPID)
    wait_for(lambda: "refused_applications" not in switch.status(),
             "the status")
    assert "applications: core forward none" in switch.appctl("switch/show")
    assert "none" in switch.run("tasuki-ctl list-applications").split()


def test_crash(switch):
    """The log says whose code it was."""
    switch.build("bad", HEAD + """
#include <stdlib.h>
static void
up(struct ofswitch *sw)
{
    (void) sw;
    abort();
}
""" + CLASS % ("bad", "APP_INTERFACE_VERSION", "0x94", ".switch_up = up,"))
    switch.run("tasuki-ctl add-switch %s apps=forward -- set Switch %s "
               "applications=forward,bad" % (DPID, DPID))
    assert switch.tasukid.wait(30) < 0
    switch.programs.remove(switch.tasukid)
    message = "tasukid: application bad crashed in switch_up\n"
    assert message in switch.log()
    assert message in (switch.dir / "tasukid.err").read_text()


def test_decided(switch):
    """A stage that decides, other than one that taps, is left out where the
    way of a packet is decided."""
    for name, number, taps in ("decides", "0x96", "false"), (
            "looks", "0x97", "true"):
        switch.build(name, HEAD + CLASS % (
            name, "APP_INTERFACE_VERSION", number,
            ".stages = { { .after = PIPE_MIRROR, .n_tables = 1, "
            ".taps = %s } },"
            % taps))
    switch.run("tasuki-ctl add-switch %s apps=handover,forward -- set Switch "
               "%s applications=handover,forward,decides,looks" % (DPID, DPID))
    decided = "priority=65535,reg0=0x10000/0x10000 actions=goto_table:"
    wait_for(lambda: decided + "50" in switch.flows(40), "the flows")
    assert switch.flows(30).endswith("priority=0 actions=goto_table:34\n")
    # Past the one that looks, whichever of the two comes first.
    loaded = switch.appctl("application/list").splitlines()
    table = {line.split(":")[0]: int(line.split()[-3]) for line in loaded
             if line.split(":")[0] in ("decides", "looks")}
    assert sorted(table.values()) == [34, 35]
    assert decided not in switch.flows(table["looks"])
    assert decided + ("35" if table["decides"] == 34 else "50") \
        in switch.flows(table["decides"])
    assert decided not in switch.flows(20)


# Says in the log what "talkers" tells.
LISTENER = HEAD + """
#include <stdlib.h>
#include <openvswitch/vlog.h>
#include <tasukid/events.h>
VLOG_DEFINE_THIS_MODULE(listener);
struct loud { uint32_t what; ofp_port_t port; uint32_t n_new; };
static const struct event_type loud = {
    "talkers/loud", 1, sizeof(struct loud), sizeof(ofp_port_t)
};
static void
hear(struct ofswitch *sw, const void *event_, void *aux)
{
    const struct loud *event = event_;
    (void) sw, (void) aux;
    VLOG_INFO("port %d has brought %d", (int) event->port,
              (int) event->n_new);
}
static void
row(struct ofswitch *sw, const void *event_, void *aux)
{
    const struct event_row *event = event_;
    (void) sw, (void) aux;
    VLOG_INFO("row of %s %08x-%s", event->table, event->uuid.parts[0],
              event->exists ? "changed" : "gone");
}
static void
init(void)
{
    if (!event_subscribe(0x95, &loud, hear, NULL)
        || !event_subscribe(0x95, &event_row, row, NULL)) {
        abort();
    }
}
""" + CLASS % ("listener", "APP_INTERFACE_VERSION", "0x95", ".init = init,")


def test_example(switch):
    """It looks at packet-ins that another application handles, tells a third
    one of its own event, sees what is sent as if nobody had decided, and is
    taken away again."""
    source = (EXAMPLE / "talkers.c").read_text()
    assert len(source.splitlines()) <= 120
    switch.build("talkers", source)
    switch.build("listener", LISTENER)
    switch.run("tasuki-ctl add-switch %s apps=forward -- set Switch %s "
               "applications=forward,talkers,listener" % (DPID, DPID))
    wait_for(lambda: "goto_table:40" in switch.flows(34), "its flow")
    assert "actions=goto_table:34" in switch.flows(0)
    for source in range(10):
        switch.receive(1, source)
    switch.receive(2, 0x99)
    wait_for(lambda: "port 2: 1 new" in switch.appctl("talkers/show"),
             "the packet-ins")
    assert "br0 port 1: 10 new addresses\n" in switch.appctl("talkers/show")
    # forward has decided all the same.
    assert "br0: 11 of " in switch.appctl("mac-table/show")
    wait_for(lambda: "|listener|INFO|port 1 has brought 10\n" in switch.log(),
             "the event")
    assert "port 2 has" not in switch.log()

    # Rows that change, whoever they are for.
    def told(table, what):
        return re.findall(r"\|listener\|INFO\|row of %s (\w+)-%s\n"
                          % (table, what), switch.log())
    assert told("Service", "changed") == []
    switch.run("tasuki-ctl add-service web 10.0.0.1:80")
    uuid = switch.run("tasuki-ctl --bare get Service web _uuid")[:8]
    wait_for(lambda: told("Service", "changed") == [uuid], "the new row")
    before = len(told("Service", "changed"))
    switch.run("tasuki-ctl set Service web external_ids:a=b")
    wait_for(lambda: len(told("Service", "changed")) > before, "the change")
    assert told("Service", "gone") == []
    switch.run("tasuki-ctl del-service web")
    wait_for(lambda: told("Service", "gone") == [uuid], "the end of the row")
    assert set(told("Service", "changed")) == {uuid}

    switch.run("tasuki-ctl remove Switch %s applications talkers" % DPID)
    wait_for(lambda: not switch.flows(34), "the end of its flow")
    assert "actions=goto_table:40" in switch.flows(0)
    switch.receive(3, 0x77)
    wait_for(lambda: "50:54:00:00:00:77" in switch.appctl("mac-table/show"),
             "forward")
    assert switch.appctl("talkers/show") == ""
    assert switch.tasukid.poll() is None
