# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What goes wrong in a lab."""


class LabError(Exception):
    """Something that the lab needs is missing or did not work.

    The message is for the person who started the lab."""
