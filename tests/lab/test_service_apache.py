# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""One Apache for tenants that all have the same addresses, with mod_remote_if
and the distribution's modules."""

import glob
import os
import re
import signal
import socket

import pytest

from lab import Apache
from lab.lab import wait_for
from tenantlinks import CLIENT, SERVICE, Links

# Section 4.3 of the paper, but for the folder's name.
PAPER = """\
<VirtualHost [fe80::c0a8:64]:80 >
  ServerName servicevm
  DocumentRoot {www}
  RewriteEngine On
  RewriteRule ^/(.*)$ %{REMOTE_IF}/$1 [L]
</VirtualHost>
"""

# Section 5.2.
CONTENT = "<html><body>This Tenant %s.</body></html>"


@pytest.fixture
def links(lab):
    return Links(lab)


def logged(apache, n):
    """Returns the 'n' lines of the log, which has them some time after the
    answers, and in any order."""
    wait_for(lambda: len(apache.log()) == n, "%d lines in the log" % n)
    return sorted(apache.log())


def pages(links):
    return {name + "/index.html": text + "\n"
            for name, text in links.each(CONTENT).items()}


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_paper(links, mpm):
    """Every client gets its own content, from the same address, asking from
    the same address, whatever serves it; and the log says whose it was."""
    apache = Apache(links.service,
                    {**pages(links), "index.html": "no tenant's\n"},
                    PAPER, mpm=mpm)
    assert links.ask("/") == links.each(CONTENT)
    assert links.ask("/index.html") == links.each(CONTENT)
    for name in links.clients:
        assert links.curl(name, "/none", "-o", "/dev/null", "-w",
                          "%{http_code}") == "404"
    assert logged(apache, 9) == sorted(
        "%s %s%%%s \"GET %s HTTP/1.1\" %d" % (name, CLIENT, name, path, status)
        for path, status in (("/", 200), ("/index.html", 200), ("/none", 404))
        for name in links.clients)


def test_load(links):
    """Nothing is ever mixed up, however much happens at a time, and whether a
    connection is used once or again and again."""
    apache = Apache(links.service, pages(links), PAPER)
    expected = {name: {text} for name, text in links.each(CONTENT).items()}
    assert links.hammer("/") == expected
    for line in logged(apache, 300 * len(links.clients)):
        name, address = line.split()[:2]
        assert address == "%s%%%s" % (CLIENT, name)


def test_vhosts(links):
    """An address without a scope id is that of all interfaces; one with it
    comes first; names work with both; others are nobody's."""
    def vhost(address, name):
        return ("<VirtualHost %s>\nServerName %s.example\n"
                "Header set X-Vhost %s\n</VirtualHost>\n"
                % (address, name, name))

    links.service.ip("address", "add", "fe80::1/64", "dev", "em0", "nodad")
    Apache(links.service, {"index.html": ""}, "".join((
        vhost("[fe80::c0a8:64]:80", "all"),
        vhost("[fe80::c0a8:64]:80", "other"),
        vhost("[fe80::c0a8:64%em1]:80", "one"),
        vhost("[fe80::c0a8:64%em2]:80", "two"),
        vhost("[fe80::c0a8:64%em2]:80", "other-two"),
        vhost("*:80", "default"))), modules=["headers"])

    def ask(name, *options, **kwargs):
        head = links.curl(name, "/", "-o", "/dev/null", "-D", "-", *options,
                          **kwargs)
        return re.search(r"X-Vhost: (\S+)", head)[1]

    assert [ask(name) for name in links.clients] == ["all", "one", "two"]
    assert [ask(name, "-H", "Host: other.example")
            for name in links.clients] == ["other", "one", "two"]
    assert ask("em2", "-H", "Host: other-two.example") == "other-two"
    assert ask("em0", address="[fe80::1%25eth0]") == "default"


EXPRESSIONS = """\
Header set X-Header "expr=%{REMOTE_IF}"
<If "%{REMOTE_IF} == 'em1'">
    Header set X-If yes
</If>
SetEnvIfExpr "%{REMOTE_IF} =~ /^em([0-9])$/" number=$1
Header set X-Number %{number}e
<Location /only-em1>
    Require expr "%{REMOTE_IF} == 'em1'"
</Location>
RewriteEngine On
RewriteCond %{REMOTE_IF} =em1
RewriteRule ^/cond$ - [F]
RewriteCond expr "%{REMOTE_IF} == 'em1'"
RewriteRule ^/cond-expr$ - [F]
RewriteCond "%{Remote_If}/%{REMOTE_IF}" ^em1/em1$
RewriteRule ^/cond-quoted$ - [F]
RewriteRule ^/redirect$ http://example.com/%{REMOTE_IF}/%{remote_if} [R,L]
RewriteRule ^/quoted$ "%{REMOTE_IF}/index.html" [L]
<IfModule mod_rewrite.c>
    RewriteRule ^/in-module$ %{REMOTE_IF}/index.html [L]
</IfModule>
<Macro Page $path>
    RewriteRule ^/$path$ %{REMOTE_IF}/index.html [L]
</Macro>
Use Page in-macro
<Directory {www}/relative>
    RewriteEngine On
    RewriteRule ^mine$ %{REMOTE_IF}.txt
</Directory>
<Directory {www}/htaccess>
    AllowOverride All
</Directory>
<LocationMatch "^/alias/(?<rest>.*)">
    Alias "{www}/%{REMOTE_IF}/%{env:MATCH_REST}"
</LocationMatch>
Options +Includes
AddOutputFilter INCLUDES .shtml
ErrorDocument 404 /error.shtml
ErrorDocument 403 /quoted
"""


def test_spellings(links):
    """Wherever a variable can be asked for, this one can."""
    files = pages(links)
    for name in links.clients:
        for folder in ("relative", "htaccess"):
            files["%s/%s.txt" % (folder, name)] = name
    files["htaccess/.htaccess"] = ("RewriteEngine On\n"
                                   "RewriteRule ^mine$ %{ENV:REMOTE_IF}.txt\n")
    files["page.shtml"] = '<!--#include virtual="inner.shtml"-->'
    files["inner.shtml"] = '<!--#echo var="REMOTE_IF"-->'
    files["error.shtml"] = "".join(
        '<!--#if expr="%%{REMOTE_IF} == \'%s\'"-->%s<!--#endif-->'
        % (name, name) for name in links.clients)
    Apache(links.service, {**files, "index.html": ""}, EXPRESSIONS,
           modules=["headers", "include", "macro"])

    for name in links.clients:
        head = links.curl(name, "/", "-D", "-")
        assert "X-Header: %s\n" % name in head
        assert ("X-If: yes" in head) == (name == "em1")
        assert "X-Number: %s\n" % name[2] in head

        def status(path):
            return int(links.curl(name, path, "-o", "/dev/null", "-w",
                                  "%{http_code}"))

        assert status("/only-em1") == (404 if name == "em1" else 403)
        for path in ("/cond", "/cond-expr", "/cond-quoted"):
            assert status(path) == (403 if name == "em1" else 404), path
        # The page that says so is mapped like any other.
        if name == "em1":
            assert CONTENT % name in links.curl(name, "/cond")
        assert ("Location: http://example.com/%s/%s\n" % (name, name)
                in links.curl(name, "/redirect", "-D", "-"))
    for path in ("/quoted", "/in-module", "/in-macro", "/alias/index.html"):
        assert links.ask(path) == links.each(CONTENT), path
    for path in ("/relative/mine", "/htaccess/mine", "/page.shtml", "/none"):
        assert links.ask(path) == links.each(), path


ENVIRONMENT = """\
RemoteIfDocumentRoot {www}/%{REMOTE_IF}
ScriptSock {directory}/cgi.socket
ScriptAlias /cgi/ {www}/cgi/
ProxyFCGIBackendType GENERIC
ProxyPass /fcgi/ unix:{directory}/fcgi.socket|fcgi://localhost{www}/cgi/
ErrorDocument 404 /cgi/env
RequestHeader set X-Interface expr=%{REMOTE_IF}
<Directory {www}/cgi>
    SetEnv REMOTE_IF forged
    AllowOverride All
</Directory>
"""

SCRIPT = """\
#!/bin/sh
echo Content-Type: text/plain
echo
echo $REMOTE_IF ${DOCUMENT_ROOT##*/} $HTTP_X_INTERFACE
"""


def environment_site(links):
    """Returns an Apache with CGI and FastCGI programs, below a document root
    for each tenant."""
    apache = Apache(links.service, pages(links), ENVIRONMENT,
                    modules=["cgid", "headers", "proxy", "proxy_fcgi"])
    apache.write("cgi/env", SCRIPT, mode=0o755)
    apache.write("cgi/.htaccess", "SetEnvIf Host . REMOTE_IF=forged\n"
                                  "SetEnv REMOTE_IF forged\n")
    links.service.start("fcgiwrap", "-s",
                        "unix:%s/fcgi.socket" % apache.directory)
    path = apache.directory + "/fcgi.socket"
    wait_for(lambda: os.path.exists(path), "fcgiwrap")
    os.chmod(path, 0o777)
    return apache


def test_environment(links):
    """Programs that the server runs know the interface, and the documents are
    where its name says, without mod_rewrite."""
    environment_site(links)
    assert links.ask("/") == links.each(CONTENT)
    for path in ("/cgi/env", "/fcgi/env", "/none"):
        assert links.ask(path) == links.each("%s %s %s"), path


def test_forged(links):
    """Nothing that a client or the owner of a folder says changes the
    variable."""
    environment_site(links)
    forged = [word for name in ("REMOTE_IF", "Remote-If", "remote_if",
                                "REDIRECT_REMOTE_IF", "X-Remote-If",
                                "X-Interface", "X-Forwarded-For")
              for word in ("-H", name + ": em2")]
    for path in ("/cgi/env", "/fcgi/env", "/cgi/env?REMOTE_IF=em2", "/none"):
        assert links.ask(path, *forged) == links.each("%s %s %s"), path
    assert links.ask("/", *forged) == links.each(CONTENT)


def test_proxies(links):
    """What a proxy says of its client is not how the connection came in."""
    apache = Apache(links.service, {"index.html": ""}, """\
        RemoteIPHeader X-Forwarded-For
        RemoteIPInternalProxy fe80::/10
        Header set X-If "expr=%{REMOTE_IF}"
        Listen 81
        <VirtualHost *:81>
            RemoteIPProxyProtocol On
        </VirtualHost>""", modules=["headers", "remoteip"])
    for name in links.clients:
        head = links.curl(name, "/", "-D", "-", "-H",
                          "X-Forwarded-For: fe80::1%em2")
        assert "X-If: %s\n" % name in head
        # Keep-alive: the second request has what the first one said.
        s = connection(links, name, 81)
        s.sendall(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n")
        for _ in range(2):
            assert b"X-If: %s\r\n" % name.encode() in get(s, "/")
        s.close()
    seen = [tuple(line.split()[:2])
            for line in logged(apache, 3 * len(links.clients))]
    for name in links.clients:
        assert seen.count((name, "2001:db8::1")) == 2


TLS = """\
Listen 443
<VirtualHost [fe80::c0a8:64]:443>
    Protocols h2
    SSLEngine On
    SSLCertificateFile {directory}/certificate.pem
    SSLCertificateKeyFile {directory}/key.pem
    RewriteEngine On
    RewriteRule ^/(.*)$ %{REMOTE_IF}/$1 [L]
</VirtualHost>
"""


def test_http2(links):
    """Each request of HTTP/2 runs on a connection inside of httpd; all of them
    are their client's."""
    path = links.lab.path("service", "apache", "")
    links.lab.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=service",
                  "-keyout", path + "key.pem",
                  "-out", path + "certificate.pem")
    Apache(links.service, pages(links), TLS,
           modules=["http2", "socache_shmcb", "ssl"])
    for name, text in links.each(CONTENT).items():
        answer = links.clients[name].run(
            "curl", "-sS", "--insecure", "--http2", "--parallel", "-w",
            "%{http_version}\n",
            "https://[%s%%25eth0]/?[1-50]" % SERVICE).stdout
        assert set(answer.split("\n")) == {text, "2", ""}
        assert answer.count(text) == 50


def connection(links, name, port=80):
    """Returns a TCP connection of the client at 'name' to the service."""
    client = links.clients[name]
    s = client.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.settimeout(10)
    index = int(client.ip("-o", "link", "show", "eth0").split(":")[0])
    s.connect((SERVICE, port, 0, index))
    return s


def request(path):
    return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()


def get(s, path):
    """Asks for 'path' and returns the answer, header and all."""
    s.sendall(request(path))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = s.recv(65536)
        assert data
        answer += data
    head, body = answer.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    while len(body) < length:
        body += s.recv(65536)
    return head + b"\r\n\r\n" + body


def test_renamed(links):
    """A connection is its tenant's to its end: its name is that which the
    interface had when it began."""
    files = pages(links)
    files["em9/index.html"] = "another tenant's\n"
    Apache(links.service, files, PAPER)
    s = connection(links, "em0")
    assert b"Tenant em0" in get(s, "/")

    service = links.service
    service.ip("link", "set", "em0", "down")
    service.ip("link", "set", "em0", "name", "em9")
    service.ip("link", "set", "em9", "up")
    service.ip("address", "replace", SERVICE + "/64", "dev", "em9", "nodad")
    assert b"Tenant em0" in get(s, "/")
    assert b"another" in get(connection(links, "em0"), "/")


def test_unplugged(links):
    """A tenant goes while connections are open and another one comes to the
    same name: he gets what is his, the others do not notice."""
    apache = Apache(links.service, pages(links), PAPER)
    old = connection(links, "em0")
    other = connection(links, "em1")
    assert b"Tenant em0" in get(old, "/")
    assert b"Tenant em1" in get(other, "/")
    host = links.unplug("em0")
    apache.write("em0/index.html", "another tenant's\n")
    links.plug("em0", host)

    # The old client is at the new link, with its old connection.
    old.settimeout(1)
    old.sendall(request("/"))
    with pytest.raises(OSError):
        # A reset or nothing, but no answer.
        data = old.recv(65536)
        assert not data
        raise ConnectionResetError
    assert b"another" in get(connection(links, "em0"), "/")
    assert b"Tenant em1" in get(other, "/")


def test_churn(links):
    """A tenant goes and another one comes in his place, ten times and more,
    while the others transfer: no request fails, or gets what is another's."""
    apache = Apache(links.service, pages(links), PAPER)
    rounds = []

    def replace():
        host = links.unplug("em0")
        apache.write("em0/index.html", "number %d\n" % len(rounds))
        links.plug("em0", host)
        rounds.append(links.curl("em0", "/"))

    expected = {name: {CONTENT % name} for name in ("em1", "em2")}
    while len(rounds) < 10:
        assert links.hammer("/", n=3000, names=expected,
                            meanwhile=replace) == expected
    assert rounds == ["number %d\n" % i for i in range(len(rounds))]


def threads(group):
    """Yields the states of all threads of a process group: "R", "S", "T"..."""
    for path in glob.glob("/proc/[0-9]*/task/[0-9]*/stat"):
        try:
            with open(path) as f:
                state, _, pgrp = f.read().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state != "Z":
            yield state


def suspend(group):
    """Stops a process group, which takes its threads a while."""
    os.killpg(group, signal.SIGSTOP)
    wait_for(lambda: set(threads(group)) == {"T"}, "all threads to stop")


def test_gone_before_accepted(links):
    """The interface goes after the handshake and before Apache has seen the
    connection: who its client was cannot be said, so it gets nothing."""
    apache = Apache(links.service,
                    {**pages(links), "index.html": "nobody's\n"}, PAPER)
    index = links.index("em0")
    suspend(apache.process.pid)
    try:
        s = connection(links, "em0")
        s.sendall(request("/"))
        # Until the kernel of the service has it.
        wait_for(lambda: re.search(
            r"ESTAB +[1-9]", links.service.run("ss", "-Htn").stdout),
            "the request")
        links.unplug("em0")
    finally:
        os.killpg(apache.process.pid, signal.SIGCONT)
    said = "connection closed: its interface (index %d) is gone" % index
    wait_for(lambda: said in "\n".join(apache.log("error.log")), said)
    assert links.ask("/") == links.each(CONTENT)
    # em0, of which nothing more is to be heard, is not among them.
    assert {line.split()[0] for line in logged(apache, 2)} == {"em1", "em2"}


def test_global(links):
    """Global addresses have no scope id; the interface is that of the
    handshake.  IPv4 has none, and what depends on one is refused."""
    for i, (name, host) in enumerate(links.clients.items()):
        for namespace, device, last in ((links.service, name, 1),
                                        (host, "eth0", 2)):
            namespace.ip("address", "add", "fd00:%d::%d/64" % (i, last), "dev",
                         device, "nodad")
            namespace.ip("address", "add", "10.0.%d.%d/24" % (i, last), "dev",
                         device)
    apache = Apache(links.service, pages(links), """\
        <VirtualHost *:80>
            RemoteIfDocumentRoot {www}/%{REMOTE_IF}
        </VirtualHost>
        Listen 81
        <VirtualHost *:81>
            RewriteEngine On
            RewriteCond %{REMOTE_IF} ^$
            RewriteRule ^ - [F]
            RewriteRule ^/(.*)$ %{REMOTE_IF}/$1 [L]
        </VirtualHost>""")
    for i, (name, text) in enumerate(links.each(CONTENT).items()):
        for port in (80, 81):
            assert links.curl(name, "/", address="[fd00:%d::1]:%d"
                              % (i, port)) == text + "\n"
            assert "403 Forbidden" in links.curl(
                name, "/", address="10.0.%d.1:%d" % (i, port))
    assert {line.split()[0] for line in logged(apache, 12)} \
        == {*links.clients, "-"}
    assert "RemoteIfDocumentRoot: connection without an interface" in \
        "\n".join(apache.log("error.log"))


@pytest.mark.parametrize("line, said", [
    ("RemoteIfDocumentRoot", "takes one argument"),
    ("RemoteIfDocumentRoot %{NONSENSE}", "Variable 'NONSENSE' does not exist"),
    ("<Directory />\nRemoteIfDocumentRoot /srv\n</Directory>",
     "not allowed in <Directory> context"),
])
def test_mistakes(lab, line, said):
    links = Links(lab, ())
    apache = Apache(links.service, {"index.html": ""})
    apache.stop()
    with open(apache.conf, "a") as f:
        f.write(line + "\n")
    done = links.service.run(*apache.command, "-t", check=False)
    assert done.returncode and said in done.stderr
