# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The arithmetic of nat64, which both datapaths share, called directly."""

import ctypes
import glob
import ipaddress
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DIRECTIONS = {"4to6": 1, "6to4": 2}
HEAD_MAX = 22 + 1280


class Action(ctypes.Structure):
    _fields_ = [("direction", ctypes.c_uint8),
                ("prefix_len", ctypes.c_uint8),
                ("mtu", ctypes.c_uint16),
                ("prefix", ctypes.c_uint8 * 16)]


class Frame(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p),
                ("linear", ctypes.c_size_t),
                ("len", ctypes.c_size_t),
                ("l3_ofs", ctypes.c_uint16),
                ("gso_size", ctypes.c_uint16),
                ("csum_partial", ctypes.c_bool)]


class Head(ctypes.Structure):
    _fields_ = [("need", ctypes.c_size_t),
                ("strip", ctypes.c_size_t),
                ("keep", ctypes.c_size_t),
                ("len", ctypes.c_size_t),
                ("l3_ofs", ctypes.c_uint16),
                ("l4_ofs", ctypes.c_uint16),
                ("mtu", ctypes.c_uint16),
                ("eth_type", ctypes.c_uint16),
                ("proto", ctypes.c_uint8),
                ("bytes", ctypes.c_uint8 * HEAD_MAX)]


class Core:
    """'directory' is where to compile."""

    def __init__(self, directory):
        path = os.path.join(directory, "nat64.so")
        open(os.path.join(directory, "config.h"), "w").close()
        sources = [os.path.join(TOP, "lib", "nat64.c"),
                   *glob.glob(os.path.join(TOP, "lib", "nat64-*.c"))]
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC",
                        "-I" + str(directory), "-o", path, *sources],
                       check=True)
        self.library = ctypes.CDLL(path)
        self.library.nat64_result_name.restype = ctypes.c_char_p
        self.library.nat64_check.restype = ctypes.c_char_p
        self.library.nat64_fragment.restype = ctypes.c_bool

    def translate(self, direction, prefix, frame, mtu=0, l3=14):
        """Translates 'frame' and returns the name of the result, and the
        frames that it becomes."""
        network = ipaddress.IPv6Network(prefix)
        action = Action(DIRECTIONS[direction], network.prefixlen, mtu)
        action.prefix[:] = network.network_address.packed
        assert self.library.nat64_check(ctypes.byref(action)) is None
        f = Frame(frame, len(frame), len(frame), l3, 0, False)
        head = Head()
        result = self.library.nat64_result_name(self.library.nat64_translate(
            ctypes.byref(action), ctypes.byref(f), ctypes.byref(head)))
        name = result.decode()
        if name not in ("ok", "fragment"):
            return name, []
        out = (bytes(head.bytes[:head.len])
               + frame[head.strip:head.strip + head.keep])
        return name, [out] if name == "ok" else self._cut(head, out)

    def _cut(self, head, frame):
        start = head.l3_ofs + (20 if head.eth_type == 0x800 else 48)
        payload = frame[start:]
        ofs = ctypes.c_size_t(0)
        frames, more = [], True
        while more:
            first = ofs.value
            out = (ctypes.c_uint8 * 82)()
            out_len, take = ctypes.c_size_t(), ctypes.c_size_t()
            more = self.library.nat64_fragment(
                ctypes.byref(head), ctypes.c_size_t(len(payload)),
                ctypes.byref(ofs), out, ctypes.byref(out_len),
                ctypes.byref(take))
            frames.append(bytes(out[:out_len.value])
                          + payload[first:first + take.value])
        return frames
