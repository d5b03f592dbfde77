# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Decoders for Tasuki's actions, which read the same in OpenFlow and
datapath flows."""

from ovs.flow.decoders import decode_flag, decode_int, IPMask
from ovs.flow.kv import KVDecoders, nested_kv_decoder


def tasuki_action_decoders():
    """Returns the decoder arguments for Tasuki's actions."""
    return {
        "tcp_offset": nested_kv_decoder(
            KVDecoders(
                dict.fromkeys(
                    ["seq", "ack", "tsval", "tsecr", "wscale"], decode_int
                )
            )
        ),
        "nat64": nested_kv_decoder(
            KVDecoders(
                {
                    **dict.fromkeys(
                        ["4toll6", "ll6to4", "normal", "4to6", "6to4"],
                        decode_flag,
                    ),
                    "prefix": IPMask,
                    "mtu": decode_int,
                    "answer": decode_int,
                }
            )
        ),
    }
