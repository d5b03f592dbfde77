# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The header arithmetic that both datapaths share, called directly."""

import ctypes
import glob
import os
import re
import struct
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def compile_library(directory, name, sources):
    """Returns a library made of 'sources', in 'directory'."""
    path = os.path.join(directory, name + ".so")
    open(os.path.join(directory, "config.h"), "w").close()
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-I" + directory,
                    "-I" + os.path.join(TOP, "lib"), "-o", path,
                    *(os.path.join(TOP, source) for source in sources)],
                   check=True)
    return ctypes.CDLL(path)


class Model:
    """'directory' is where to compile."""

    def __init__(self, directory):
        self.library = compile_library(directory, "tcp-offset",
                                       ["lib/tcp-offset.c"])
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


class Nat64Model:
    """'directory' is where to compile."""

    def __init__(self, directory):
        sources = ["tests/kernel/nat64-model.c",
                   *glob.glob("lib/nat64*.c", root_dir=TOP)]
        self.library = compile_library(directory, "nat64", sources)
        self.library.nat64_model.restype = ctypes.c_char_p
        self.library.nat64_check.restype = ctypes.c_char_p
        self.out = ctypes.create_string_buffer(1 << 18)

    def check(self, nat64):
        """Returns what is wrong with 'nat64', a struct nat64, or None."""
        message = self.library.nat64_check(nat64)
        return message and message.decode()

    def __call__(self, nat64, frame, l3=14, partial=False):
        """Returns the name of what becomes of 'frame', and the list of frames
        that come out, or that go back if it is too big."""
        size = ctypes.c_size_t()
        result = self.library.nat64_model(
            nat64, frame, ctypes.c_size_t(len(frame)), ctypes.c_size_t(l3),
            partial, self.out, ctypes.byref(size)).decode()
        frames, data = [], ctypes.string_at(self.out, size.value)
        while data:
            length, = struct.unpack_from("=I", data)
            frames.append(data[4:4 + length])
            data = data[4 + length:]
        return result, frames
