# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The header arithmetic that both datapaths share, called directly."""

import ctypes
import os
import re
import struct
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class Model:
    """'directory' is where to compile."""

    def __init__(self, directory):
        path = os.path.join(directory, "model.so")
        open(os.path.join(directory, "config.h"), "w").close()
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-I" + directory,
                        "-o", path, os.path.join(TOP, "lib/tcp-offset.c")],
                       check=True)
        self.library = ctypes.CDLL(path)
        self.library.tcp_offset_result_name.restype = ctypes.c_char_p

    def __call__(self, action, frame, l3=14):
        """Returns what becomes of 'frame', whose IP header is at 'l3', by
        'action', a tcp_offset as users write it; and the result's name."""
        given = {name: int(value) for name, value
                 in re.findall(r"(\w+)=(-?\d+)", action)}
        offset = struct.pack(
            "=IIIIBbH", *(given.get(name, 0) & 0xffffffff
                          for name in ("seq", "ack", "tsval", "tsecr")),
            1, given.get("wscale", 0), 0)
        data = ctypes.create_string_buffer(frame[l3:], max(len(frame) - l3, 1))
        result = self.library.tcp_offset_packet(
            offset, data, ctypes.c_size_t(len(frame) - l3), False)
        return (frame[:l3] + data.raw[:len(frame) - l3],
                self.library.tcp_offset_result_name(result).decode())
