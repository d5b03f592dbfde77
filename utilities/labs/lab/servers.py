# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Servers from the distribution, each inside one namespace."""

import os

from .lab import wait_for

_NGINX_CONF = """
daemon off;
user root;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 8192; }}
http {{
    types {{ text/html html; text/plain txt; application/octet-stream bin; }}
    log_format lab '$remote_addr:$remote_port "$request" $status $bytes_sent '
                   '$request_length $pipe';
    access_log {directory}/access.log lab;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    keepalive_requests 100000;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    server_tokens off;
    {http}
    server {{
        listen {listen} backlog=4096;
        root {directory}/www;
        add_header X-Served-By {name} always;
        {server}
        location / {{ try_files $uri $uri/index.html /index.html; }}
        # Takes a body and keeps it: the file's name comes back in a header.
        location ~ /upload$ {{
            client_body_in_file_only on;
            proxy_pass http://127.0.0.1:{sink};
            proxy_set_body $request_body_file;
            add_header X-Served-By {name} always;
            add_header X-Body-File $request_body_file always;
        }}
    }}
    server {{
        listen 127.0.0.1:{sink};
        location / {{ return 200 "stored\\n"; }}
    }}
}}
"""


class Nginx:
    """nginx in namespace 'host', serving 'files', a dictionary of contents by
    name; a content that is a path object is linked to instead of written."""

    def __init__(self, host, files, listen="80", workers=1, http="",
                 server=""):
        self.host = host
        self.directory = host.lab.path(host.name, "nginx", "")[:-1]
        for name, content in files.items():
            path = host.lab.path(host.name, "nginx", "www", name)
            if isinstance(content, os.PathLike):
                os.symlink(content, path)
            else:
                if isinstance(content, str):
                    content = content.encode()
                with open(path, "wb") as f:
                    f.write(content)
        self.conf = os.path.join(self.directory, "nginx.conf")
        with open(self.conf, "w") as f:
            f.write(_NGINX_CONF.format(
                directory=self.directory, name=host.name, listen=listen,
                workers=workers, http=http, server=server, sink=8081))
        self.start()

    def start(self):
        self.process = self.host.start(
            "nginx", "-c", self.conf, "-e", self.directory + "/error.log",
            log="%s/nginx/out" % self.host.name)
        wait_for(lambda: os.path.exists(self.directory + "/nginx.pid")
                 or self.process.poll() is not None, "nginx")
        if self.process.poll() is not None:
            # Let nginx say itself what it did not like.
            self.host.run("nginx", "-t", "-c", self.conf)

    def stop(self):
        self.host.lab.stop(self.process)

    def log(self):
        """Returns the lines of the access log."""
        with open(self.directory + "/access.log") as f:
            return f.read().splitlines()


class Iperf:
    """iperf3's server in namespace 'host'."""

    def __init__(self, host, port=5201):
        self.host = host
        self.port = port
        self.process = host.start("iperf3", "--server", "--port", port,
                                  log="%s/iperf3" % host.name)
        wait_for(lambda: host.run("ss", "-Hltn", "sport = %d" % port).stdout,
                 "iperf3")


_HAPROXY_CONF = """
global
    nbthread 1
    maxconn 2000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend lab
    bind :{port}
{rules}
    default_backend {default}
"""


class Haproxy:
    """HAProxy in namespace 'host': 'backends' is a dictionary of "address:port"
    by name, 'rules' one of path prefixes by backend name."""

    def __init__(self, host, backends, rules, default, port=80):
        self.host = host
        path = host.lab.path(host.name, "haproxy.cfg")
        with open(path, "w") as f:
            f.write(_HAPROXY_CONF.format(
                port=port, default=default, rules="\n".join(
                    "    use_backend %s if { path_beg %s }" % item
                    for item in rules.items())))
            for name, address in backends.items():
                f.write("backend %s\n    server %s %s\n"
                        % (name, name, address))
        self.process = host.start("haproxy", "-db", "-f", path,
                                  log="%s/haproxy.log" % host.name)
        wait_for(lambda: host.run("ss", "-Hltn", "sport = %d" % port).stdout,
                 "haproxy")
