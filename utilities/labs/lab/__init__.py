# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Small laboratories: real programs in network namespaces of this machine.

    with Lab() as lab:
        switch = Switch(lab)
        client = switch.attach("client", "10.0.0.100/24")
        server = switch.attach("server1", "10.0.0.1/24")
        Nginx(server, {"index.html": "hello"})
        print(client.run("curl", "-s", "http://10.0.0.1/").stdout)

Everything that a lab makes is written to a journal before it is made, and is
removed when the 'with' block ends, however it ends.  What a killed program
left behind is removed by 'utilities/labs/cleanup'.
"""

from .apache import Apache
from .controller import Controller
from .errors import LabError
from .lab import Lab
from .namespace import Namespace
from .pcap import Capture
from .servers import Haproxy, Iperf, Nginx
from .switch import Switch

__all__ = ["Apache", "Capture", "Controller", "Haproxy", "Iperf", "Lab",
           "LabError", "Namespace", "Nginx", "Switch"]
