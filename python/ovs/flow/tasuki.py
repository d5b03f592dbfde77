# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Decoders for Tasuki's actions, which read the same in OpenFlow and
datapath flows."""

from ovs.flow.decoders import (
    decode_default,
    decode_flag,
    decode_int,
    IPMask,
)
from ovs.flow.kv import KVDecoders, nested_kv_decoder
from ovs.flow.ofp_act import decode_field


def value_decoder(decoders):
    """Returns a decoder for an action that leaves a value, "(ARGS)->DST" in an
    OpenFlow flow and "ARGS" in one of the datapath."""
    decode_args = nested_kv_decoder(decoders)

    def decode(value):
        args, arrow, dst = value.partition("->")
        result = decode_args(args.strip("()"))
        if arrow:
            result["dst"] = decode_field(dst)
        return result

    return decode


def decode_map(value):
    """Decodes "a-b-c"."""
    return [int(number) for number in value.split("-")]


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
        "check_tcp_seq": value_decoder(
            KVDecoders(
                {
                    **dict.fromkeys(["seq", "ack"], decode_flag),
                    **dict.fromkeys(["start", "len"], decode_int),
                }
            )
        ),
        "ipsec_tag": nested_kv_decoder(
            KVDecoders(
                {
                    **dict.fromkeys(["n", "basis"], decode_int),
                    "to": decode_field,
                    "hash": decode_default,
                    "map": decode_map,
                }
            )
        ),
    }
