# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What demos have in common."""

import sys


class Failed(Exception):
    """A demo did not show what it should have."""


def heading(text):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print("\n%s== %s%s\n" % (bold, text, plain), flush=True)
