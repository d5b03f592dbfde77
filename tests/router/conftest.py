# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A test router: the distribution's kernel, with nothing of ours in it yet.

    utilities/labs/qemu --vanilla --no-load --cpus 4 \\
        /usr/bin/python3 -m pytest tests/router
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "utilities", "labs"),
                os.path.join(HERE, "..", "lab")]
