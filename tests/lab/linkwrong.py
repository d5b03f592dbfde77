#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Makes every call that tasuki-links stands in for with every kind of wrong
pointer, length and file, and prints a line for each: what it returned, the
error, and what became of the program's memory.  The same lines are expected
with and without tasuki-links: the addresses here are on no link of a map."""

import ctypes
import itertools
import mmap
import os
import re
import socket

from linkprobe import Iovec, Mmsghdr, Msghdr

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long)
PROT_NONE, PROT_READ, PROT_BOTH = 0, 1, 3


def pages(*protections):
    """Returns the address of as many pages, protected like that."""
    start = libc.mmap(None, PAGE * len(protections), PROT_BOTH,
                      mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    for i, protection in enumerate(protections):
        address = ctypes.c_void_p(start + i * PAGE)
        assert not libc.mprotect(address, PAGE, protection)
    return start


class Place:
    """'size' bytes that begin or end where they should not."""

    def __init__(self, name, size, before=b""):
        start = pages(PROT_BOTH, PROT_NONE)
        self.name, self.size, self.before = name, size, before
        self.address = {
            "null": None,
            "low": 8,
            "gone": start + PAGE,
            # One byte too few, and just enough.
            "over": start + PAGE - max(size - 1, 0),
            "fits": start + PAGE - size,
            "across": pages(PROT_BOTH, PROT_BOTH) + PAGE - size // 2,
            "const": pages(PROT_BOTH) + 64,
        }[name]
        self.fill()
        if name == "const":
            page = ctypes.c_void_p(self.address - 64)
            assert not libc.mprotect(page, PAGE, PROT_READ)

    def there(self):
        """Returns how many bytes of it there are."""
        return {"null": 0, "low": 0, "gone": 0,
                "over": max(self.size - 1, 0)}.get(self.name, self.size)

    def fill(self):
        ctypes.memmove(self.address or 0, self.before, min(
            self.there(), len(self.before)))

    def __str__(self):
        """What is there now."""
        return self.name + ":" + (
            ctypes.string_at(self.address, self.there()).hex()
            if self.there() else "")


PLACES = ("null", "low", "gone", "over", "fits", "across", "const")
LENGTHS = (0, 1, 16, 23, 24, 27, 28, 64, 128, 129, -1)


def u32(value):
    return (value & 0xffffffff).to_bytes(4, "little")


def sockaddr_of(s):
    """Returns the struct sockaddr_in6 of socket 's'."""
    address, port, _, _ = s.getsockname()
    return (socket.AF_INET6.to_bytes(2, "little") + port.to_bytes(2, "big")
            + bytes(4) + socket.inet_pton(socket.AF_INET6, address) + bytes(4))


# Of a map, but on no link: a file that is no socket cannot know.
MAPPED = (socket.AF_INET6.to_bytes(2, "little") + bytes(6)
          + socket.inet_pton(socket.AF_INET6, "fd00:0:1:5::1") + bytes(4))


class Sockets:
    """Those that calls are made with, new for each call."""

    def __init__(self):
        self.listener = socket.socket(socket.AF_INET6)
        self.listener.bind(("::1", 0))
        self.listener.listen(5)
        self.udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.udp.bind(("::1", 7))
        self.file = os.open("/dev/null", os.O_RDWR)
        self.open = []

    def new(self, *kind):
        s = socket.socket(socket.AF_INET6, *kind)
        self.open.append(s)
        return s

    def __call__(self, call):
        """Returns a file descriptor for 'call', with something to get."""
        if call.startswith("accept"):
            client = self.new()
            client.bind(("::1", 0))
            client.connect(self.listener.getsockname())
            self.listener.setblocking(False)
            return self.listener.fileno()
        server = self.new(socket.SOCK_DGRAM)
        if "bind" in call:
            return server.fileno()
        server.bind(("::1", 0))
        if "peer" in call or "sock" in call:
            server.connect(self.udp.getsockname())
        for _ in range(80 if "mmsg" in call else 2):
            self.udp.sendto(b"datagram", server.getsockname())
        server.setblocking(False)
        return server.fileno()

    def close(self):
        for s in self.open:
            s.close()
        self.open = []


sockets = Sockets()


def without_port(text):
    """Returns a place's 'text' without an address's port, which is another one
    each time."""
    return re.sub("^(.*:0a00)....", r"\1....", text)


def call(name, args, watched=()):
    """Calls function 'name' with a file and 'args', and says what comes of
    it."""
    for kind in ("socket", "file", "none"):
        for place in watched:
            if place.name != "const":
                place.fill()
        fd = {"socket": sockets, "file": lambda _: sockets.file,
              "none": lambda _: 99}[kind](name)
        function = getattr(libc, name)
        function.restype = ctypes.c_int
        ctypes.set_errno(77)
        value = function(fd, *args)
        error = ctypes.get_errno()
        # Kernels differ in what they have written before they fail.
        after = watched if value >= 0 else ()
        if "accept" in name:
            if value >= 0:
                os.close(value)
                value = "new"
            # One that was not taken, or that was and could not be given.
            left = None
            if kind == "socket":
                try:
                    sockets.listener.accept()[0].close()
                    left = "left"
                except BlockingIOError:
                    left = "gone"
            value = "%s %s" % (value, left)
        print(name, kind, value, error,
              *(without_port(str(place)) for place in after))
        sockets.close()


def pointer(place):
    return ctypes.c_void_p(place.address)


def addresses_from_kernel():
    data = ctypes.create_string_buffer(100)
    for where, length_where, length in itertools.product(
            PLACES, PLACES, LENGTHS):
        if (where, length_where) != ("fits", "fits") and length not in (
                0, 16, 28):
            continue
        sa = Place(where, min(max(length, 0), 200), b"\xee" * 200)
        size = Place(length_where, 4, u32(length))
        both = (pointer(sa), pointer(size))
        for name, args in (
                ("accept", both), ("accept4", (*both, 0)),
                ("getpeername", both), ("getsockname", both),
                ("recvfrom", (data, ctypes.c_size_t(100), 0, *both)),
                ("__recvfrom_chk", (data, ctypes.c_size_t(100),
                                    ctypes.c_size_t(100), 0, *both))):
            call(name, args, (sa, size))


def addresses_from_program():
    target = sockaddr_of(sockets.udp)
    for where, length in itertools.product(PLACES, LENGTHS):
        sa = Place(where, min(max(length, 0), 128), target + bytes(100))
        both = (pointer(sa), length)
        for name, args in (
                ("bind", both), ("connect", both),
                ("sendto", (b"x", ctypes.c_size_t(1), 0, *both)),
                ("sendto", (pointer(Place("gone", 8)), ctypes.c_size_t(1), 0,
                            *both))):
            call(name, args)


def header(name, length, data=None):
    """Returns the bytes of a struct msghdr with that name."""
    data = data or ctypes.create_string_buffer(100)
    iov = Iovec(ctypes.addressof(data), 8)
    kept.extend((data, iov))
    return bytes(Msghdr(name.address, length & 0xffffffff,
                        ctypes.addressof(iov), 1, None, 0, 0))


kept = []


def messages():
    target = sockaddr_of(sockets.udp) + bytes(100)
    for where, name_where, length in itertools.product(
            PLACES, PLACES, LENGTHS):
        if where != "fits" and length not in (0, 16, 28):
            continue
        for function in ("recvmsg", "sendmsg"):
            name = Place(name_where, min(max(length, 0), 200), target)
            msg = Place(where, ctypes.sizeof(Msghdr), header(name, length))
            call(function, (pointer(msg), 0))
        kept.clear()


def many_messages():
    """Several at a time, of which the one in the middle is wrong."""
    target = sockaddr_of(sockets.udp) + bytes(100)
    good = Place("fits", 28, target)
    size = ctypes.sizeof(Mmsghdr)
    for function, n, where in itertools.product(
            ("recvmmsg", "sendmmsg"), (0, 1, 3, 70), PLACES):
        more = (None,) if function == "recvmmsg" else ()
        one = header(good, 28) + bytes(size - ctypes.sizeof(Msghdr))
        array = Place(where, size * n, one * n)
        call(function, (pointer(array), n, 0, *more))
        # The array ends in the middle.
        array = Place("fits", size * (n // 2), one * (n // 2))
        call(function, (pointer(array), n, 0, *more))
        for length in (0, 16, 28, -1):
            bad = (header(Place(where, max(length, 0), target), length)
                   + bytes(size - ctypes.sizeof(Msghdr)))
            array = Place("fits", size * n,
                          one * (n // 2) + bad + one * (n - n // 2))
            call(function, (pointer(array), n, 0, *more))
        kept.clear()
    array = Place("fits", size, header(good, 28) + bytes(8))
    for where in PLACES[1:]:
        call("recvmmsg", (pointer(array), 1, 0,
                          pointer(Place(where, 16, u32(1) + bytes(12)))))


def no_sockets():
    """A mapped address and what is no socket."""
    sa = Place("fits", 28, MAPPED)
    msg = Place("fits", ctypes.sizeof(Msghdr), header(sa, 28))
    for fd in (sockets.file, 99):
        for name, args in (("bind", (pointer(sa), 28)),
                           ("connect", (pointer(sa), 28)),
                           ("sendto", (b"x", ctypes.c_size_t(1), 0,
                                       pointer(sa), 28)),
                           ("sendmsg", (pointer(msg), 0))):
            print("mapped", name, getattr(libc, name)(fd, *args),
                  ctypes.get_errno())


if __name__ == "__main__":
    addresses_from_kernel()
    addresses_from_program()
    messages()
    many_messages()
    no_sockets()
