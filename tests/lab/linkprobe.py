#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A program to run under tasuki-links: does what it is told to with its
sockets, and says what it sees.  Reads a line of Python at a time, an
expression to evaluate, and answers with a line: its value, or the name of its
error."""

import ctypes
import errno
import socket
import struct
import sys

AF, TCP, UDP = socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
libc = ctypes.CDLL(None, use_errno=True)
sockets = {}


def make(name, kind=TCP, address=None, port=0, listen=False):
    """Makes socket 'name', bound if there is an address."""
    s = sockets[name] = socket.socket(AF, kind)
    s.settimeout(10)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address:
        s.bind((address, port))
    if listen:
        s.listen(50)
    return name


def accept(name, new):
    """Accepts connection 'new' and returns whose it is."""
    sockets[new], peer = sockets[name].accept()
    sockets[new].settimeout(10)
    return peer


def connect(name, *peer):
    sockets[name].connect(peer)
    return sockets[name].getpeername()


def echo(name, how):
    """Receives a datagram and sends it back, with calls named by 'how', and
    returns whose it was and what."""
    s = sockets[name]
    if how == "to":
        data, peer = s.recvfrom(1500)
        s.sendto(data, peer)
    elif how == "msg":
        data, control, flags, peer = s.recvmsg(1500, 512)
        s.sendmsg([data], [], 0, peer)
        return peer, data, [item[:2] for item in control], flags
    else:
        return echo_mmsg(s)
    return peer, data


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.c_void_p), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", Msghdr), ("len", ctypes.c_uint)]


def echo_mmsg(s, n=3):
    """Like echo(), but 'n' datagrams by one call.  The last one has no room
    for all of its address."""
    names = [ctypes.create_string_buffer(28) for _ in range(n)]
    data = [ctypes.create_string_buffer(1500) for _ in range(n)]
    iovs = [Iovec(ctypes.addressof(d), 1500) for d in data]
    messages = (Mmsghdr * n)()
    for i, m in enumerate(messages):
        m.hdr.name, m.hdr.namelen = ctypes.addressof(names[i]), 28
        m.hdr.iov, m.hdr.iovlen = ctypes.addressof(iovs[i]), 1
    messages[n - 1].hdr.namelen = 10
    s.setblocking(True)
    assert libc.recvmmsg(s.fileno(), messages, n, 0, None) == n
    seen = []
    for i, m in enumerate(messages):
        seen.append((sockaddr(names[i].raw), data[i].raw[:m.len],
                     m.hdr.namelen))
        iovs[i].len = m.len
    # Which cannot be answered.
    assert libc.sendmmsg(s.fileno(), messages, n - 1, 0) == n - 1
    assert [m.len for m in messages[:-1]] == [len(d) for _, d, _ in seen[:-1]]
    return seen


def sockaddr(raw):
    """Returns the address, port and scope id of a struct sockaddr_in6."""
    return (socket.inet_ntop(AF, raw[8:24]), struct.unpack("!H", raw[2:4])[0],
            struct.unpack("=I", raw[24:28])[0])


def raw_name(name, function, size):
    """Calls getpeername() or the like with room for 'size' bytes.  Returns
    what is there, 28 bytes with 0xee where nothing was written, the length,
    and errno, which was 77 before."""
    buffer = ctypes.create_string_buffer(b"\xee" * 28, 28)
    size = ctypes.c_uint32(size)
    ctypes.set_errno(77)
    assert not getattr(libc, function)(sockets[name].fileno(), buffer,
                                       ctypes.byref(size))
    return buffer.raw, size.value, ctypes.get_errno()


def main():
    for line in sys.stdin:
        try:
            answer = repr(eval(line))
        except TimeoutError:
            answer = "TimeoutError"
        except OSError as error:
            answer = errno.errorcode[error.errno]
        print(answer, flush=True)


if __name__ == "__main__":
    main()
