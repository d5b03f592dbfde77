/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef HANDOVER_HOSTS_H
#define HANDOVER_HOSTS_H 1

/* A client and three servers with TCPs of their own: nobody writes down what
 * they say to each other, they know.  Servers answer each request with their
 * number and a newline. */

#include "fake-net.h"
#include "tcp-host.h"

#define HOSTS_PORT 40000        /* The client's. */

#define REQUEST(PATH) "GET " PATH " HTTP/1.1\r\nHost: a\r\n\r\n"

extern struct tcp_host client, servers[N_SERVERS + 1];

/* Starts with a rule for /images/ to server 2 and one for /video/ to 3. */
void hosts_start(void);
void hosts_stop(void);

/* Lets everything arrive that is on its way, and all that it leads to.  With
 * pump_to(), only what goes to 'ports', a bit for each; the rest takes its
 * time until deliver_delayed(), which lets all that follows arrive, too, or
 * deliver_delayed_to(). */
void pump(void);
void pump_to(unsigned int ports);
#define NOT(PORT) ~(1u << (PORT))
void deliver_delayed(void);
void deliver_delayed_to(unsigned int ports);
extern size_t n_delayed;

/* Servers get no SYNs: a firewall lets them finish what they do. */
extern bool syns_are_lost;

/* Lets servers answer what they were asked. */
void servers_answer(void);

/* Lets 'ms' pass and everything arrive. */
void pass(int ms);

/* Lets all send again what was not acknowledged. */
void retransmit(void);

/* Returns true if the client gets exactly 'answer' to 'request', on the
 * connection it has. */
bool ask(const char *request, const char *answer);

#endif /* handover-hosts.h */
