/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp-host.h"

#include <string.h>

#include "packets.h"
#include "util.h"

#define RCV_WND 65535

void
tcp_host_init(struct tcp_host *h, bool server, int number, uint32_t iss,
              void (*send)(struct tcp_host *, struct tcp_segment))
{
    *h = (struct tcp_host) {
        .server = server,
        .number = number,
        .iss = iss,
        .send = send,
    };
}

/* Sending. */

static void
send_segment(struct tcp_host *h, uint16_t flags, uint32_t seq,
             const char *payload, size_t len)
{
    h->send(h, (struct tcp_segment) {
        .flags = flags,
        .seq = seq,
        .ack = flags & TCP_ACK ? h->rcv_nxt : 0,
        .window = RCV_WND,
        .payload = (const uint8_t *) payload,
        .len = len,
        .opts = {
            .present = flags & TCP_SYN ? TCP_OPT_MSS : 0,
            .mss = 1460,
        },
    });
}

static void
send_ack(struct tcp_host *h)
{
    send_segment(h, TCP_ACK, h->snd_nxt, NULL, 0);
}

/* Answers '*seg', which belongs to no connection (section 3.10.7.1). */
static void
send_reset(struct tcp_host *h, const struct tcp_segment *seg)
{
    if (seg->flags & TCP_RST) {
        return;
    } else if (seg->flags & TCP_ACK) {
        h->send(h, (struct tcp_segment) { .flags = TCP_RST,
                                          .seq = seg->ack });
    } else {
        h->send(h, (struct tcp_segment) {
            .flags = TCP_RST | TCP_ACK,
            .ack = seg->seq + tcp_segment_seq_len(seg),
        });
    }
}

static void
send_from(struct tcp_host *h, uint32_t seq)
{
    size_t ofs = seq - (h->iss + 1);

    if (ofs < h->n_out) {
        send_segment(h, TCP_ACK | TCP_PSH, seq, h->out + ofs, h->n_out - ofs);
    }
    if (h->fin_sent) {
        send_segment(h, TCP_ACK | TCP_FIN, h->iss + 1 + h->n_out, NULL, 0);
    }
}

void
tcp_host_say(struct tcp_host *h, const char *text)
{
    size_t len = strlen(text);

    ovs_assert(h->state == HOST_ESTABLISHED && !h->fin_sent
               && h->n_out + len <= sizeof h->out);
    memcpy(h->out + h->n_out, text, len);
    h->n_out += len;
    h->snd_nxt += len;
    send_from(h, h->snd_nxt - len);
}

void
tcp_host_close(struct tcp_host *h)
{
    ovs_assert(h->state == HOST_ESTABLISHED && !h->fin_sent);
    h->fin_sent = true;
    send_from(h, h->snd_nxt++);
}

void
tcp_host_timeout(struct tcp_host *h)
{
    if (h->state == HOST_SYN_SENT) {
        send_segment(h, TCP_SYN, h->iss, NULL, 0);
    } else if (h->state == HOST_SYN_RCVD) {
        send_segment(h, TCP_SYN | TCP_ACK, h->iss, NULL, 0);
    } else if (h->state == HOST_ESTABLISHED && h->snd_una != h->snd_nxt) {
        send_from(h, h->snd_una);
    }
}

/* A connection's beginning and end. */

static void
open_in(struct tcp_host *h, enum tcp_host_state state)
{
    h->state = state;
    h->snd_una = h->iss;
    h->snd_nxt = h->iss + 1;
    h->fin_sent = h->fin_rcvd = false;
    h->n_out = h->n_in = 0;
    h->in[0] = '\0';
}

void
tcp_host_connect(struct tcp_host *h)
{
    open_in(h, HOST_SYN_SENT);
    tcp_host_timeout(h);
}

void
tcp_host_forget(struct tcp_host *h)
{
    h->state = HOST_CLOSED;
    h->iss += 0x10000;
}

void
tcp_host_abort(struct tcp_host *h)
{
    send_segment(h, TCP_RST | TCP_ACK, h->snd_nxt, NULL, 0);
    tcp_host_forget(h);
}

static void
established(struct tcp_host *h)
{
    h->state = HOST_ESTABLISHED;
    h->snd_una = h->iss + 1;
    h->n_opened++;
}

/* Receiving. */

/* In LISTEN, or without a connection. */
static void
receive_closed(struct tcp_host *h, const struct tcp_segment *seg)
{
    if (h->server && (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
        open_in(h, HOST_SYN_RCVD);
        h->rcv_nxt = seg->seq + 1;
        tcp_host_timeout(h);
    } else {
        send_reset(h, seg);
    }
}

static void
receive_syn_sent(struct tcp_host *h, const struct tcp_segment *seg)
{
    bool acked = seg->flags & TCP_ACK;

    if (acked && seg->ack != h->iss + 1) {
        send_reset(h, seg);
    } else if (seg->flags & TCP_RST) {
        if (acked) {
            h->n_reset++;
            tcp_host_forget(h);
        }
    } else if (acked && seg->flags & TCP_SYN) {
        h->rcv_nxt = seg->seq + 1;
        established(h);
        send_ack(h);
    }
}

/* The checks of section 3.10.7.4 in their order.  Returns true if there is
 * something in the segment to take. */
static bool
is_acceptable(struct tcp_host *h, const struct tcp_segment *seg)
{
    uint32_t end = seg->seq + tcp_segment_seq_len(seg);
    bool in_window = seg->seq - h->rcv_nxt < RCV_WND;

    if (seg->flags & TCP_RST) {
        if (seg->seq == h->rcv_nxt) {
            h->n_reset += h->state == HOST_ESTABLISHED;
            tcp_host_forget(h);
        } else if (in_window) {
            send_ack(h);
        }
        return false;
    }
    if (h->state == HOST_SYN_RCVD) {
        if (seg->flags & TCP_SYN && seg->seq + 1 == h->rcv_nxt) {
            tcp_host_timeout(h);
            return false;
        } else if (seg->flags & TCP_ACK && seg->ack != h->iss + 1) {
            send_reset(h, seg);
            return false;
        }
    }
    if (seg->flags & TCP_SYN
        || !(in_window
             || (end != seg->seq && end - h->rcv_nxt - 1 < RCV_WND))) {
        send_ack(h);
        return false;
    }
    if (!(seg->flags & TCP_ACK)) {
        return false;
    }
    if (seg->ack - h->snd_una > h->snd_nxt - h->snd_una) {
        /* Old ones are only that. */
        if (h->snd_una - seg->ack > RCV_WND) {
            send_ack(h);
            return false;
        }
        return true;
    }
    h->snd_una = seg->ack;
    return true;
}

static void
take(struct tcp_host *h, const struct tcp_segment *seg)
{
    uint32_t old = h->rcv_nxt - seg->seq;

    if (seg->len > old) {
        size_t n = seg->len - old;

        ovs_assert(h->n_in + n < sizeof h->in);
        memcpy(h->in + h->n_in, seg->payload + old, n);
        h->n_in += n;
        h->in[h->n_in] = '\0';
        h->rcv_nxt += n;
    }
    if (seg->flags & TCP_FIN && seg->seq + seg->len == h->rcv_nxt
        && !h->fin_rcvd) {
        h->fin_rcvd = true;
        h->rcv_nxt++;
    }
}

void
tcp_host_receive(struct tcp_host *h, const struct tcp_segment *seg)
{
    if (h->state == HOST_CLOSED) {
        receive_closed(h, seg);
        return;
    } else if (h->state == HOST_SYN_SENT) {
        receive_syn_sent(h, seg);
        return;
    }

    if (!is_acceptable(h, seg)) {
        return;
    }
    if (h->state == HOST_SYN_RCVD) {
        established(h);
    }
    if (tcp_seq_after(seg->seq, h->rcv_nxt)) {
        send_ack(h);            /* A gap: sent again later. */
        return;
    }
    take(h, seg);
    if (tcp_segment_seq_len(seg)) {
        send_ack(h);
    }
    if (h->fin_sent && h->fin_rcvd && h->snd_una == h->snd_nxt) {
        /* The side that closed last is done; the other one waits. */
        if (tcp_segment_seq_len(seg)) {
            h->state = HOST_TIME_WAIT;
        } else if (h->state == HOST_ESTABLISHED) {
            tcp_host_forget(h);
        }
    }
}
