/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef CLOSE_LATER_H
#define CLOSE_LATER_H 1

/* Closing packet sockets without waiting.
 *
 * Linux closes a packet socket only when no CPU can be using it any more:
 * packet_release() waits for that, some 10 ms (synchronize_net()).  A thread
 * that closes a thousand of them does nothing else for 10 seconds. */

/* Hook for lib/netdev-linux.c: closes 'fd' soon, in another thread.
 *
 * Thread-safety: any thread may call it. */
void close_later(int fd);

#endif /* CLOSE_LATER_H */
