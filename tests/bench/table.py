# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""README's table, from what was measured."""

import re

import connections

# What a row says, with {name} or {name|format} for a median, and {name.KEY}
# for something else about it.  A format ends in the power of ten to divide by.
# Rows of which something was not measured are left out.
ROWS = (
    ("iperf3 with `tcp_offset` and IP+MAC rewriting",
     "{throughput: IP+MAC rewriting + tcp_offset|.2f3} Gbit/s",
     "IP+MAC rewriting, {throughput: IP+MAC rewriting|.2f3} Gbit/s",
     "x {throughput: IP+MAC rewriting + tcp_offset.ratio|.2f}"),
    ("cycles per 64-byte packet (DPDK), `tcp_offset(seq,ack)`",
     "{cycles: tcp_offset(seq,ack)|.0f}",
     "output alone, {cycles: output|.0f}; IP+MAC rewriting, "
     "{cycles: IP+MAC rewriting|.0f}",
     "{cycles: tcp_offset(seq,ack), share|.2f} of what rewriting adds"),
    ("the same with timestamps in the packet",
     "{cycles: tcp_offset(seq,ack), timestamps|.0f}",
     "{cycles: output, timestamps|.0f}; "
     "{cycles: IP+MAC rewriting, timestamps|.0f}",
     "{cycles: tcp_offset(seq,ack), timestamps, share|.2f}"),
    ("the same, `nat64` from IPv4 to IPv6",
     "{cycles: nat64:4toll6|.0f}",
     "{cycles: output|.0f}; {cycles: IP+MAC rewriting|.0f}",
     "{cycles: nat64:4toll6, share|.2f}"),
    ("the same, and back",
     "{cycles: nat64:ll6to4|.0f}",
     "{cycles: output, IPv6|.0f}; {cycles: IP+MAC rewriting, IPv6|.0f}",
     "{cycles: nat64:ll6to4, share|.2f}"),
    ("the same, `check_tcp_seq`, with the lookup behind it",
     "{cycles: check_tcp_seq(ack)|.0f}",
     "{cycles: output|.0f}; {cycles: IP+MAC rewriting|.0f}",
     "{cycles: check_tcp_seq(ack), share|.2f}"),
    ("the same, `ipsec_tag` of a MAC address; of an IP address",
     "{cycles: ipsec_tag(eth_dst)|.0f}; {cycles: ipsec_tag(nw_dst)|.0f}",
     "{cycles: output|.0f}; {cycles: IP+MAC rewriting|.0f}; "
     "a select group, {cycles: select group|.0f}",
     "{cycles: ipsec_tag(eth_dst), share|.2f}; "
     "{cycles: ipsec_tag(nw_dst), share|.2f}"),
    ("kernel datapath, 64-byte segments, `tcp_offset`",
     "{kernel packets: tcp_offset|.0f} ns, "
     "{kernel packets: tcp_offset, rate|.1f} Mpps",
     "output alone, {kernel packets: output|.0f} ns; IP+MAC rewriting, "
     "{kernel packets: IP+MAC rewriting|.0f} ns",
     "{kernel packets: tcp_offset, share|.2f} of what rewriting adds"),
    ("the same, `nat64` from IPv4 to IPv6",
     "{kernel packets: nat64|.0f} ns, "
     "{kernel packets: nat64, rate|.1f} Mpps",
     "the same; TAYGA, {tayga: TAYGA, this machine's kernel|.2f3} Mpps",
     "{kernel packets: nat64, share|.2f}; "
     "x {tayga: nat64, kernel datapath.ratio|.0f}"),
    ("the same, `check_tcp_seq`, with the lookup behind it",
     "{kernel packets: check_tcp_seq|.0f} ns, "
     "{kernel packets: check_tcp_seq, rate|.1f} Mpps",
     "output alone, {kernel packets: output|.0f} ns",
     "x {kernel packets: check_tcp_seq, rate.ratio|.2f}"),
    ("the same, `ipsec_tag` as a mark",
     "{kernel packets: ipsec_tag|.0f} ns, "
     "{kernel packets: ipsec_tag, rate|.1f} Mpps",
     "output alone, {kernel packets: output|.0f} ns; a select group, "
     "{kernel packets: select group|.0f} ns",
     "x {kernel packets: ipsec_tag, rate.ratio|.2f}"),
    ("new connections a second, moved; kept",
     "{connections: MOVED|.0f}; {connections: KEPT|.0f}",
     "straight to that server, {connections: STRAIGHT|.0f}; by way of "
     "HAProxy, {connections: HAPROXY|.0f}",
     "x {connections: MOVED.ratio|.2f}; x {connections: KEPT.ratio|.2f}; "
     "HAProxy, x {connections: HAPROXY.ratio|.2f}"),
    ("time to the first byte, moved; kept",
     "{first byte: MOVED|.2f} ms; {first byte: KEPT|.2f} ms",
     "straight to that server, {first byte: STRAIGHT|.2f} ms; by way of "
     "HAProxy, {first byte: HAPROXY|.2f} ms",
     "+ {first byte: MOVED.difference|.1f} ms; "
     "+ {first byte: KEPT.difference|.1f} ms; "
     "HAProxy, + {first byte: HAPROXY.difference|.1f} ms"),
    ("new connections a second straight to a server that a service has",
     "{connections: BYSTANDER|.0f}",
     "without the service, {connections: STRAIGHT|.0f}",
     "x {connections: BYSTANDER.ratio|.2f}"),
    ("one GET of 36 MB on the mirror, `inline`; `copy`",
     "{mirror: one GET of 36 MB, inline, bytes|.0f} bytes in "
     "{mirror: one GET of 36 MB, inline, packets|.0f} packets; "
     "{mirror: one GET of 36 MB, copy, bytes|.0f} in "
     "{mirror: one GET of 36 MB, copy, packets|.0f}",
     "the paper, 9927 bytes in 13 packets", ""),
    ("two of them and two small ones on one connection, `inline`; `copy`",
     "{mirror: session of 72 MB, inline, share of the bytes|.4f} % of the "
     "bytes; {mirror: session of 72 MB, copy, share of the bytes|.4f} %",
     "", ""),
    ("100 of them at once, `inline`",
     "{mirror: 100 downloads of 36 MB at once, share of the bytes|.4f} % of "
     "the bytes, "
     "{mirror: 100 downloads of 36 MB at once, CPUs of tasukid|.2f} CPUs of "
     "tasukid", "", ""),
    ("a download while it is mirrored, `copy`; `inline`; `stats`",
     "{mirror: download, copy|.2f3}; {mirror: download, inline|.2f3}; "
     "{mirror: download, stats|.2f3} Gbit/s",
     "on a switch without mirrors, "
     "{mirror: download, on a switch without mirrors|.2f3} Gbit/s",
     "x {mirror: download, copy.ratio|.2f}; "
     "x {mirror: download, inline.ratio|.2f}; "
     "x {mirror: download, stats.ratio|.2f}"),
    ("first byte of 1 KB, `copy`; `inline`",
     "{mirror: first byte, copy|.2f} ms; {mirror: first byte, inline|.2f} ms",
     "on a switch without mirrors, "
     "{mirror: first byte, on a switch without mirrors|.2f} ms",
     "+ {mirror: first byte, copy.difference|.2f} ms; "
     "+ {mirror: first byte, inline.difference|.2f} ms"),
    ("the two for traffic that no mirror matches",
     "{mirror: download, matched by no mirror|.2f3} Gbit/s; "
     "{mirror: first byte, matched by no mirror|.2f} ms", "the same",
     "x {mirror: download, matched by no mirror.ratio|.2f}; "
     "+ {mirror: first byte, matched by no mirror.difference|.2f} ms"),
    ("memory of tasukid, connection in progress",
     "{memory: connection in progress, besides what is held|.0f} bytes", "",
     ""),
    ("memory of tasukid, connection in the switch",
     "{memory: tracked connection, half of them moved|.0f} bytes", "", ""),
)


def markdown(objects):
    """Returns the rows of which 'objects', what bench writes as JSON, have
    everything."""
    by_name = {o["name"]: o for o in objects}

    def value(match):
        name, _, form = match[1].partition("|")
        name, _, key = name.partition(".")
        part, _, way = name.partition(": ")
        name = "%s: %s" % (part, getattr(connections, way, way))
        number = by_name[name][key or "value"]
        scale = re.search(r"f(\d*)$", form)[1]
        return format(number / 10 ** int(scale or 0),
                      form.rstrip("0123456789"))

    rows = []
    for row in ROWS:
        try:
            rows.append("| %s |" % " | ".join(
                re.sub(r"\{([^}]*)\}", value, cell) for cell in row))
        except KeyError:
            pass
    return "\n".join(rows)
