# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Apache from the distribution, with our module, inside one namespace."""

import os
import signal

from .lab import REPOSITORY, wait_for

MODULES = "/usr/lib/apache2/modules"
REMOTE_IF = os.path.join(REPOSITORY, "build", "service", "mod_remote_if.so")

_CONF = """
ServerRoot {directory}
ServerName {name}
DefaultRuntimeDir {directory}
PidFile {directory}/apache.pid
ErrorLog {directory}/error.log
LogLevel info
{modules}
LoadModule remote_if_module {remote_if}
User www-data
Group www-data
Listen 80
TypesConfig /etc/mime.types
DirectoryIndex index.html
LogFormat "%{{REMOTE_IF}}e %a \\"%r\\" %>s" lab
CustomLog {directory}/access.log lab
DocumentRoot {directory}/www
<Directory {directory}>
    Require all granted
</Directory>
{conf}
"""


class Apache:
    """Apache in namespace 'host', on port 80 of all addresses.

    'conf' is configuration, in which {www} stands for the folder of 'files', a
    dictionary of contents by name, and {directory} for the one around it.
    'modules' are modules of the distribution to load with those that every
    site has, and 'mpm' is how it does several things at a time."""

    def __init__(self, host, files, conf="", modules=(), mpm="event"):
        self.host = host
        self.directory = host.lab.path(host.name, "apache", "")[:-1]
        self.www = os.path.join(self.directory, "www")
        for name, content in files.items():
            self.write(name, content)
        self.conf = os.path.join(self.directory, "apache.conf")
        modules = ("mpm_" + mpm, "alias", "authz_core", "dir", "env", "mime",
                   "rewrite", "setenvif", *modules)
        with open(self.conf, "w") as f:
            f.write(_CONF.format(
                directory=self.directory, name=host.name, remote_if=REMOTE_IF,
                modules="\n".join("LoadModule %s_module %s/mod_%s.so"
                                  % (name, MODULES, name) for name in modules),
                conf=conf.replace("{www}", self.www).replace(
                    "{directory}", self.directory)))
        self.command = ["apache2", "-f", self.conf]
        self.start()

    def write(self, name, content, mode=0o644):
        """Puts a file where it is served."""
        path = self.host.lab.path(self.host.name, "apache", "www", name)
        with open(path, "w") as f:
            f.write(content)
        os.chmod(path, mode)

    def start(self):
        self.process = self.host.start(*self.command, "-DFOREGROUND",
                                       log="%s/apache/out" % self.host.name)
        wait_for(lambda: self.process.poll() is not None or
                 self.host.run("ss", "-Hltn", "sport = 80").stdout, "Apache")
        if self.process.poll() is not None:
            # Let Apache say itself what it did not like.
            self.host.run(*self.command, "-t")

    def reload(self):
        """Reads the configuration again; connections go on."""
        os.kill(self.process.pid, signal.SIGUSR1)

    def stop(self):
        self.host.lab.stop(self.process)

    def log(self, name="access.log"):
        """Returns the lines of a log."""
        with open(os.path.join(self.directory, name)) as f:
            return f.read().splitlines()
