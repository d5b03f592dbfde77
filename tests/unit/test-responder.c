/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* What the responder answers, byte by byte, and what it does not.  The frames
 * are those that Scapy makes of the expressions above them, with
 *
 *     M = "02:54:0a:00:00:fe", H = "02:00:00:00:00:01",
 *     H2 = "02:00:00:00:00:02"
 *
 * and say what RFC 826, 792, 4443 and 4861 ask for: nothing here comes from
 * the program under test. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/apps/responder/config-keys.h"
#include "utilities/tasukid/apps/responder/reply.h"

static const struct {
    const char *name;
    enum reply reply;
    const char *request;
    const char *answer;
} answered[] = {
    { "ARP request, broadcast", REPLY_ARP,
      /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
       * pdst='10.0.0.254') */
      "ffffffffffff020000000001080600010800060400010200000000010a0000"
      "010000000000000a0000fe",
      /* Ether(src=M,dst=H)/ARP(op=2,hwsrc=M,psrc='10.0.0.254',hwdst=H,
       * pdst='10.0.0.1') */
      "02000000000102540a0000fe0806000108000604000202540a0000fe0a0000"
      "fe0200000000010a000001" },
    { "RFC 5227 probe", REPLY_ARP,
      /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='0.0.0.0',
       * pdst='10.0.0.254') */
      "ffffffffffff02000000000108060001080006040001020000000001000000"
      "000000000000000a0000fe",
      /* Ether(src=M,dst=H)/ARP(op=2,hwsrc=M,psrc='10.0.0.254',hwdst=H,
       * pdst='0.0.0.0') */
      "02000000000102540a0000fe0806000108000604000202540a0000fe0a0000"
      "fe02000000000100000000" },
    { "in a VLAN, padded", REPLY_ARP,
      /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/Dot1Q(vlan=7,prio=5)/
       * ARP(hwsrc=H,psrc='10.0.0.1',pdst='10.0.0.254')/Padding(b'\0'*14) */
      "ffffffffffff0200000000018100a007080600010800060400010200000000"
      "010a0000010000000000000a0000fe0000000000000000000000000000",
      /* Ether(src=M,dst=H)/Dot1Q(vlan=7,prio=5)/ARP(op=2,hwsrc=M,
       * psrc='10.0.0.254',hwdst=H,pdst='10.0.0.1') */
      "02000000000102540a0000fe8100a0070806000108000604000202540a0000"
      "fe0a0000fe0200000000010a000001" },
    { "ping", REPLY_ECHO,
      /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',id=0x1234,
       * tos=0x28)/ICMP(id=0xabcd,seq=9)/b'odd' */
      "02540a0000fe02000000000108004528001f12340000400153840a0000010a"
      "0000fe080078c4abcd00096f6464",
      /* Ether(src=M,dst=H)/IP(src='10.0.0.254',dst='10.0.0.1',id=0x1234,
       * tos=0x28,ttl=255)/ICMP(type=0,id=0xabcd,seq=9)/b'odd' */
      "02000000000102540a0000fe08004528001f12340000ff0194830a0000fe0a"
      "000001000080c4abcd00096f6464" },
    { "ping without data, don't fragment, two tags, padded", REPLY_ECHO,
      /* Ether(src=H,dst=M)/Dot1AD(vlan=3)/Dot1Q(vlan=7)/IP(src='10.0.0.1',
       * dst='10.0.0.254',flags='DF',ttl=1)/ICMP(id=1,seq=0)/
       * Padding(b'\0'*10) */
      "02540a0000fe02000000000188a800038100000708004500001c0001400001"
      "0164e20a0000010a0000fe0800f7fe0001000000000000000000000000",
      /* Ether(src=M,dst=H)/Dot1AD(vlan=3)/Dot1Q(vlan=7)/
       * IP(src='10.0.0.254',dst='10.0.0.1',flags='DF',ttl=255)/
       * ICMP(type=0,id=1,seq=0) */
      "02000000000102540a0000fe88a800038100000708004500001c00014000ff"
      "0166e10a0000fe0a0000010000fffe00010000" },
    { "NS with source link-layer address, not that of the frame", REPLY_ND,
      /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
       * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
       * ICMPv6NDOptSrcLLAddr(lladdr=H2) */
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff00000187007d9400000000"
      "fd0000000000000000000000000000010101020000000002",
      /* Ether(src=M,dst=H2)/IPv6(src='fd00::1',dst='fd00::5',hlim=255)/
       * ICMPv6ND_NA(R=0,S=1,O=1,tgt='fd00::1')/
       * ICMPv6NDOptDstLLAddr(lladdr=M) */
      "02000000000202540a0000fe86dd6000000000203afffd0000000000000000"
      "00000000000001fd0000000000000000000000000000058800114860000000"
      "fd000000000000000000000000000001020102540a0000fe" },
    { "NS to the address itself, without options", REPLY_ND,
      /* Ether(src=H,dst=M)/IPv6(src='fe80::5',dst='fd00::1',hlim=255,fl=5,
       * tc=3)/ICMPv6ND_NS(tgt='fd00::1') */
      "02540a0000fe02000000000186dd6030000500183afffe8000000000000000"
      "00000000000005fd0000000000000000000000000000018700802300000000"
      "fd000000000000000000000000000001",
      /* Ether(src=M,dst=H)/IPv6(src='fd00::1',dst='fe80::5',hlim=255,
       * tc=3)/ICMPv6ND_NA(R=0,S=1,O=1,tgt='fd00::1')/
       * ICMPv6NDOptDstLLAddr(lladdr=M) */
      "02000000000102540a0000fe86dd6030000000203afffd0000000000000000"
      "00000000000001fe80000000000000000000000000000588000fc860000000"
      "fd000000000000000000000000000001020102540a0000fe" },
    { "duplicate address detection, with a nonce (RFC 7527)", REPLY_ND,
      /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='::',
       * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
       * ICMPv6NDOptUnknown(type=14,len=1,data=b'abcdef') */
      "3333ff00000102000000000186dd6000000000203aff000000000000000000"
      "00000000000000ff0200000000000000000001ff0000018700456f00000000"
      "fd0000000000000000000000000000010e01616263646566",
      /* Ether(src=M,dst='33:33:00:00:00:01')/IPv6(src='fd00::1',
       * dst='ff02::1',hlim=255)/ICMPv6ND_NA(R=0,S=0,O=1,tgt='fd00::1')/
       * ICMPv6NDOptDstLLAddr(lladdr=M) */
      "33330000000102540a0000fe86dd6000000000203afffd0000000000000000"
      "00000000000001ff02000000000000000000000000000188004f4a20000000"
      "fd000000000000000000000000000001020102540a0000fe" },
    { "ping, IPv6", REPLY_ECHO6,
      /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1',hlim=1,
       * tc=0x28,fl=0x12345)/ICMPv6EchoRequest(id=0xabcd,seq=9,data=b'odd') */
      "02540a0000fe02000000000186dd62812345000b3a01fd0000000000000000"
      "00000000000005fd00000000000000000000000000000180000677abcd0009"
      "6f6464",
      /* Ether(src=M,dst=H)/IPv6(src='fd00::1',dst='fd00::5',hlim=255,
       * tc=0x28)/ICMPv6EchoReply(id=0xabcd,seq=9,data=b'odd') */
      "02000000000102540a0000fe86dd62800000000b3afffd0000000000000000"
      "00000000000001fd00000000000000000000000000000581000577abcd0009"
      "6f6464" },
};

static const struct {
    enum reply reply;
    const char *request;
} dropped[] = {
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.253') */
      REPLY_OTHER,
      "ffffffffffff020000000001080600010800060400010200000000010a0000"
      "010000000000000a0000fd" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.254',op=2) */
      REPLY_OTHER,
      "ffffffffffff020000000001080600010800060400020200000000010a0000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.254',hwtype=6) */
      REPLY_MALFORMED,
      "ffffffffffff0200000000010806000608001104000130323a30303a30303a"
      "30303a30303a30310a0000010a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.254',ptype=0x86dd) */
      REPLY_MALFORMED,
      "ffffffffffff0200000000010806000186dd0608000102000000000131302e"
      "302e302e3100000000000031302e302e302e323534" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.254',hwlen=8) */
      REPLY_MALFORMED,
      "ffffffffffff0200000000010806000108000804000130323a30303a30300a"
      "00000100000000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.1',
     * pdst='10.0.0.254',plen=16) */
      REPLY_MALFORMED,
      "ffffffffffff0200000000010806000108000610000102000000000131302e"
      "302e302e31000000000000000000000000000031302e302e302e3235340000"
      "00000000" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='10.0.0.254',
     * pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff020000000001080600010800060400010200000000010a0000"
      "fe0000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='224.0.0.1',
     * pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff02000000000108060001080006040001020000000001e00000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,
     * psrc='255.255.255.255',pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff02000000000108060001080006040001020000000001ffffff"
      "ff0000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=H,psrc='127.0.0.1',
     * pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff020000000001080600010800060400010200000000017f0000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc='ff:ff:ff:ff:ff:ff',
     * psrc='10.0.0.1',pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff02000000000108060001080006040001ffffffffffff0a0000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc='00:00:00:00:00:00',
     * psrc='10.0.0.1',pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff020000000001080600010800060400010000000000000a0000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/ARP(hwsrc=M,psrc='10.0.0.1',
     * pdst='10.0.0.254') */
      REPLY_SOURCE,
      "ffffffffffff0200000000010806000108000604000102540a0000fe0a0000"
      "010000000000000a0000fe" },
    { /* Ether(src=H,dst=M)/Dot1Q(vlan=1)/Dot1Q(vlan=2)/Dot1Q(vlan=3)/
     * ARP(hwsrc=H,psrc='10.0.0.1',pdst='10.0.0.254') */
      REPLY_MALFORMED,
      "02540a0000fe02000000000181000001810000028100000308060001080006"
      "0400010200000000010a0000010000000000000a0000fe" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.253')/ICMP(id=1,
     * seq=1) */
      REPLY_OTHER,
      "02540a0000fe02000000000108004500001c00010000400165e30a0000010a"
      "0000fd0800f7fd00010001" },
    { /* Ether(src=H,dst='ff:ff:ff:ff:ff:ff')/IP(src='10.0.0.1',
     * dst='10.0.0.254')/ICMP(id=1,seq=1) */
      REPLY_OTHER,
      "ffffffffffff02000000000108004500001c00010000400165e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst='01:00:5e:00:00:01')/IP(src='10.0.0.1',
     * dst='10.0.0.254')/ICMP(id=1,seq=1) */
      REPLY_OTHER,
      "01005e00000102000000000108004500001c00010000400165e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=H2)/IP(src='10.0.0.1',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_OTHER,
      "02000000000202000000000108004500001c00010000400165e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/ICMP(type=0) */
      REPLY_OTHER,
      "02540a0000fe02000000000108004500001c00010000400165e20a0000010a"
      "0000fe0000ffff00000000" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/
     * ICMP(type=13) */
      REPLY_OTHER,
      "02540a0000fe02000000000108004500002800010000400165d60a0000010a"
      "0000fe0d000ea80000000001584ac501584ac501584ac5" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/ICMP(code=1) */
      REPLY_OTHER,
      "02540a0000fe02000000000108004500001c00010000400165e20a0000010a"
      "0000fe0801f7fe00000000" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/UDP(sport=8,
     * dport=9) */
      REPLY_OTHER,
      "02540a0000fe02000000000108004500001c00010000401165d20a0000010a"
      "0000fe000800090008eace" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/
     * ICMP(chksum=1) */
      REPLY_CHECKSUM,
      "02540a0000fe02000000000108004500001c00010000400165e20a0000010a"
      "0000fe0800000100000000" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',chksum=1)/
     * ICMP(id=1,seq=1) */
      REPLY_CHECKSUM,
      "02540a0000fe02000000000108004500001c00010000400100010a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',flags='MF')/
     * ICMP(id=1,seq=1) */
      REPLY_FRAGMENT,
      "02540a0000fe02000000000108004500001c00012000400145e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',frag=1)/
     * ICMP(id=1,seq=1) */
      REPLY_FRAGMENT,
      "02540a0000fe02000000000108004500001c00010001400165e10a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',
     * options=IPOption_RR(routers=['0.0.0.0']))/ICMP(id=1,seq=1) */
      REPLY_HEADERS,
      "02540a0000fe02000000000108004700002400010000400158d30a0000010a"
      "0000fe07070400000000000800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.254',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c00010000400164e50a0000fe0a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='0.0.0.0',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c0001000040016fe3000000000a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='127.0.0.1',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c000100004001f0e17f0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='224.0.0.1',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c0001000040018fe1e00000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='240.0.0.1',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c0001000040017fe1f00000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='255.255.255.255',dst='10.0.0.254')/
     * ICMP(id=1,seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02000000000108004500001c0001000040016fe3ffffffff0a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src='01:00:00:00:00:01',dst=M)/IP(src='10.0.0.1',
     * dst='10.0.0.254')/ICMP(id=1,seq=1) */
      REPLY_SOURCE,
      "02540a0000fe01000000000108004500001c00010000400165e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=M,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254')/ICMP(id=1,
     * seq=1) */
      REPLY_SOURCE,
      "02540a0000fe02540a0000fe08004500001c00010000400165e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',len=29)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108004500001d00010000400165e10a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',len=27)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108004500001b00010000400165e30a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',len=19)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108004500001300010000400165eb0a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',ihl=4)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108004400001c00010000400166e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',ihl=8)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108004800001c00010000400162e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IP(src='10.0.0.1',dst='10.0.0.254',version=5)/
     * ICMP(id=1,seq=1) */
      REPLY_MALFORMED,
      "02540a0000fe02000000000108005500001c00010000400155e20a0000010a"
      "0000fe0800f7fd00010001" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::2')/
     * ICMPv6EchoRequest() */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000002800085b400000000" },
    { /* Ether(src=H,dst='33:33:00:00:00:01')/IPv6(src='fd00::5',
     * dst='fd00::1')/ICMPv6EchoRequest() */
      REPLY_OTHER,
      "33330000000102000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000001800085b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='ff02::1')/
     * ICMPv6EchoRequest() */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005ff020000000000000000000000000001800083b300000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='::ffff:10.0.0.254')/
     * ICMPv6EchoRequest() */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "0000000000000500000000000000000000ffff0a0000fe800077b900000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * ICMPv6EchoRequest(code=1) */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000001800185b400000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * ICMPv6EchoRequest(type=129) */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000001810084b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * ICMPv6EchoRequest(cksum=1) */
      REPLY_CHECKSUM,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000005fd0000000000000000000000000000018000000100000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * IPv6ExtHdrFragment(id=1)/ICMPv6EchoRequest() */
      REPLY_FRAGMENT,
      "02540a0000fe02000000000186dd6000000000102c40fd0000000000000000"
      "00000000000005fd0000000000000000000000000000013a00000000000001"
      "800085b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * IPv6ExtHdrHopByHop()/ICMPv6EchoRequest() */
      REPLY_HEADERS,
      "02540a0000fe02000000000186dd6000000000100040fd0000000000000000"
      "00000000000005fd0000000000000000000000000000013a00010400000000"
      "800085b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * IPv6ExtHdrDestOpt()/ICMPv6EchoRequest() */
      REPLY_HEADERS,
      "02540a0000fe02000000000186dd6000000000103c40fd0000000000000000"
      "00000000000005fd0000000000000000000000000000013a00010400000000"
      "800085b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='::',dst='fd00::1')/ICMPv6EchoRequest() */
      REPLY_SOURCE,
      "02540a0000fe02000000000186dd6000000000083a40000000000000000000"
      "00000000000000fd000000000000000000000000000001800082bb00000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='::1',dst='fd00::1')/
     * ICMPv6EchoRequest() */
      REPLY_SOURCE,
      "02540a0000fe02000000000186dd6000000000083a40000000000000000000"
      "00000000000001fd000000000000000000000000000001800082ba00000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='ff02::1',dst='fd00::1')/
     * ICMPv6EchoRequest() */
      REPLY_SOURCE,
      "02540a0000fe02000000000186dd6000000000083a40ff0200000000000000"
      "00000000000001fd000000000000000000000000000001800083b700000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::1',dst='fd00::1')/
     * ICMPv6EchoRequest() */
      REPLY_SOURCE,
      "02540a0000fe02000000000186dd6000000000083a40fd0000000000000000"
      "00000000000001fd000000000000000000000000000001800085b900000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='::ffff:10.0.0.1',dst='fd00::1')/
     * ICMPv6EchoRequest() */
      REPLY_SOURCE,
      "02540a0000fe02000000000186dd6000000000083a40000000000000000000"
      "00ffff0a000001fd000000000000000000000000000001800078ba00000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1',plen=9)/
     * ICMPv6EchoRequest() */
      REPLY_MALFORMED,
      "02540a0000fe02000000000186dd6000000000093a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000001800085b500000000" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1',version=4)/
     * ICMPv6EchoRequest() */
      REPLY_MALFORMED,
      "02540a0000fe02000000000186dd4000000000083a40fd0000000000000000"
      "00000000000005fd000000000000000000000000000001800085b500000000" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=254)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_HOP_LIMIT,
      "3333ff00000102000000000186dd6000000000203afefd0000000000000000"
      "00000000000005ff0200000000000000000001ff00000187007d9500000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1',code=1)/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff00000187017d9400000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1',cksum=1)/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_CHECKSUM,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff0000018700000100000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::2')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_OTHER,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff00000187007d9400000000"
      "fd0000000000000000000000000000020101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='::ffff:10.0.0.254',hlim=255)/
     * ICMPv6ND_NS(tgt='::ffff:10.0.0.254')/ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_OTHER,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "0000000000000500000000000000000000ffff0a0000fe870062a100000000"
      "00000000000000000000ffff0a0000fe0101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_OTHER,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff02000000000000000000000000000187007c9700000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='::',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd6000000000203aff000000000000000000"
      "00000000000000ff0200000000000000000001ff00000187007a9b00000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='::',dst='fd00::1',
     * hlim=255)/ICMPv6ND_NS(tgt='fd00::1') */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd6000000000183aff000000000000000000"
      "00000000000000fd00000000000000000000000000000187007ea900000000"
      "fd000000000000000000000000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptUnknown(type=14,len=0,data=b'abcdef') */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff0000018700486a00000000"
      "fd0000000000000000000000000000010e00616263646566" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptUnknown(type=14,len=2,data=b'abcdef') */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff0000018700486800000000"
      "fd0000000000000000000000000000010e02616263646566" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * b'\x0e\x01abc' */
      REPLY_MALFORMED,
      "3333ff00000102000000000186dd60000000001d3afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff0000018700ae3600000000"
      "fd0000000000000000000000000000010e01616263" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::1',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_SOURCE,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000001ff0200000000000000000001ff00000187007d9900000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='ff02::1',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=H) */
      REPLY_SOURCE,
      "3333ff00000102000000000186dd6000000000203affff0200000000000000"
      "00000000000001ff0200000000000000000001ff00000187007b9700000000"
      "fd0000000000000000000000000000010101020000000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr='33:33:00:00:00:01') */
      REPLY_SOURCE,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff00000187004c6200000000"
      "fd0000000000000000000000000000010101333300000001" },
    { /* Ether(src=H,dst='33:33:ff:00:00:01')/IPv6(src='fd00::5',
     * dst='ff02::1:ff00:1',hlim=255)/ICMPv6ND_NS(tgt='fd00::1')/
     * ICMPv6NDOptSrcLLAddr(lladdr=M) */
      REPLY_SOURCE,
      "3333ff00000102000000000186dd6000000000203afffd0000000000000000"
      "00000000000005ff0200000000000000000001ff0000018700724400000000"
      "fd000000000000000000000000000001010102540a0000fe" },
    { /* Ether(src=H,dst=M)/IPv6(src='fd00::5',dst='fd00::1')/
     * ICMPv6DestUnreach()/IPv6()/UDP() */
      REPLY_OTHER,
      "02540a0000fe02000000000186dd6000000000383a40fd0000000000000000"
      "00000000000005fd0000000000000000000000000000010100935600000000"
      "60000000000811400000000000000000000000000000000100000000000000"
      "000000000000000001003500350008ff72" },
    { /* Ether(src=H,dst=M,type=0x88b5)/b'experiment' */
      REPLY_OTHER,
      "02540a0000fe02000000000188b56578706572696d656e74" },
};

/* 10.0.0.254 and fd00::1 at M. */
static struct replier
replier(void)
{
    struct smap config = SMAP_CONST1(&config, "responder-addresses",
                                     "10.0.0.254,fd00::1");
    struct replier r;

    assert_null(responder_read_config(&config, &r));
    return r;
}

/* Returns what is answered to the 'size' bytes at 'frame', a copy of just that
 * size. */
static enum reply
make(const void *frame, size_t size, struct ofpbuf *answer)
{
    struct replier r = replier();
    void *copy = size ? xmemdup(frame, size) : NULL;

    ofpbuf_clear(answer);
    enum reply reply = reply_make(&r, copy, size, answer);
    free(copy);
    assert_int_equal(answer->size > 0, reply < REPLY_N_ANSWERS);
    return reply;
}

static void
test_answered(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(answered); i++) {
        struct ofpbuf request, expected, answer;

        ofpbuf_init(&request, 0);
        ofpbuf_init(&expected, 0);
        ofpbuf_init(&answer, 0);
        ofpbuf_put_hex(&request, answered[i].request, NULL);
        ofpbuf_put_hex(&expected, answered[i].answer, NULL);

        print_message("%s\n", answered[i].name);
        assert_int_equal(make(request.data, request.size, &answer),
                         answered[i].reply);
        assert_int_equal(answer.size, expected.size);
        assert_memory_equal(answer.data, expected.data, answer.size);
        ofpbuf_uninit(&request);
        ofpbuf_uninit(&expected);
        ofpbuf_uninit(&answer);
    }
}

/* A request that lacks its end has no answer. */
static void
test_cut(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(answered); i++) {
        struct ofpbuf request, answer;

        ofpbuf_init(&request, 0);
        ofpbuf_init(&answer, 0);
        ofpbuf_put_hex(&request, answered[i].request, NULL);
        if (!strstr(answered[i].name, "padded")) {
            for (size_t size = 0; size < request.size; size++) {
                assert_int_equal(make(request.data, size, &answer),
                                 REPLY_MALFORMED);
            }
        }
        ofpbuf_uninit(&request);
        ofpbuf_uninit(&answer);
    }
}

static void
test_dropped(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
        struct ofpbuf request, answer;

        ofpbuf_init(&request, 0);
        ofpbuf_init(&answer, 0);
        ofpbuf_put_hex(&request, dropped[i].request, NULL);

        enum reply reply = make(request.data, request.size, &answer);
        if (reply != dropped[i].reply) {
            fail_msg("%s, not %s: %s", reply_name(reply),
                     reply_name(dropped[i].reply), dropped[i].request);
        }
        ofpbuf_uninit(&request);
        ofpbuf_uninit(&answer);
    }
}

/* All bytes that a frame of the largest MTU can have come back. */
static void
test_long(void **state)
{
    (void) state;
    struct replier r = replier();
    size_t size = ETH_HEADER_LEN + UINT16_MAX;
    uint8_t *frame = xzalloc(size);
    struct eth_header *eth = (void *) frame;
    struct ip_header *ip = (void *) (eth + 1);
    struct ofpbuf answer;

    eth->eth_dst = r.mac;
    eth->eth_src = (struct eth_addr) ETH_ADDR_C(02,00,00,00,00,01);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip->ip_ihl_ver = 0x45;
    ip->ip_tot_len = htons(UINT16_MAX);
    ip->ip_proto = 1;
    put_16aligned_be32(&ip->ip_src, htonl(0x0a000001));
    put_16aligned_be32(&ip->ip_dst, htonl(0x0a0000fe));
    /* RFC 1071: the sum of all words but the checksum. */
    uint32_t sum = 0x4500 + 0xffff + 0x0001 + 0x0a00 + 0x0001 + 0x0a00 + 0xfe;
    ip->ip_csum = htons(~((sum & 0xffff) + (sum >> 16)));
    /* Echo request, all else zero: the sum is 0800. */
    frame[34] = 8;
    frame[36] = 0xf7;
    frame[37] = 0xff;

    ofpbuf_init(&answer, 0);
    assert_int_equal(make(frame, size, &answer), REPLY_ECHO);
    assert_int_equal(answer.size, size);
    assert_memory_equal((uint8_t *) answer.data + 34, "\0\0\xff\xff\0\0", 6);
    ofpbuf_uninit(&answer);
    free(frame);
}

/* Configuration. */

/* Asserts what is said about 'addresses' and 'mac', and which MAC address and
 * how many addresses there are then. */
static void
check_config(const char *addresses, const char *mac, const char *problem,
             const char *expected_mac, size_t n)
{
    struct smap config = SMAP_INITIALIZER(&config);
    struct eth_addr expected;
    struct replier r;

    if (addresses) {
        smap_add(&config, "responder-addresses", addresses);
    }
    if (mac) {
        smap_add(&config, "responder-mac", mac);
    }
    char *error = responder_read_config(&config, &r);
    if (problem) {
        assert_non_null(error);
        assert_string_equal(error, problem);
    } else {
        assert_null(error);
    }
    assert_int_equal(r.n_addresses, n);
    assert_true(eth_addr_from_string(expected_mac, &expected));
    assert_memory_equal(&r.mac, &expected, sizeof expected);
    free(error);
    smap_destroy(&config);
}

#define NOT_HOST(S) \
    "responder-addresses: \"" S "\" is not the address of a host"

static void
test_config(void **state)
{
    (void) state;
    check_config("10.0.0.254", NULL, NULL, "02:54:0a:00:00:fe", 1);
    check_config("fd00::a:b, 10.0.0.254", NULL, NULL, "02:54:00:0a:00:0b", 2);
    check_config("10.0.0.254", "02:00:00:00:00:07", NULL,
                 "02:00:00:00:00:07", 1);
    check_config(NULL, NULL, "responder-addresses: there are none",
                 "02:54:00:00:00:00", 0);
    check_config("10.0.0.1,frob,fd00::1", NULL, NOT_HOST("frob"),
                 "02:54:0a:00:00:01", 2);
    check_config("10.0.0.1", "frob",
                 "responder-mac: \"frob\" is not an Ethernet address",
                 "02:54:0a:00:00:01", 1);
    check_config("frob", "ff:ff:ff:ff:ff:ff",
                 NOT_HOST("frob") "; responder-mac: \"ff:ff:ff:ff:ff:ff\" is "
                 "not a unicast Ethernet address", "02:54:00:00:00:00", 0);
}

static void
test_bad_addresses(void **state)
{
    static const char *const bad[] = {
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "10.0.0", "10.0.0.1/24", "::", "::1", "ff02::1",
        "::ffff:10.0.0.1", "fd00::1/64",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *problem = xasprintf("responder-addresses: \"%s\" is not the "
                                  "address of a host", bad[i]);

        check_config(bad[i], NULL, problem, "02:54:00:00:00:00", 0);
        free(problem);
    }
}

static void
test_many_addresses(void **state)
{
    char list[(REPLIER_MAX_ADDRESSES + 1) * 11];
    size_t len = 0;

    (void) state;
    for (int i = 1; i <= REPLIER_MAX_ADDRESSES; i++) {
        len += snprintf(list + len, sizeof list - len, "10.0.0.%d,", i);
    }
    check_config(list, NULL, NULL, "02:54:0a:00:00:01", 64);
    strcpy(list + len, "10.0.1.1");
    check_config(list, NULL, "responder-addresses: there are more than 64",
                 "02:54:0a:00:00:01", 64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_many_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
