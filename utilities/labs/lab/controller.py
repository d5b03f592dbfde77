# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasukid, the controller, on a switch of the lab."""


class Controller:
    pass
