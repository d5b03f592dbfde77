/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "close-later.h"

#include <unistd.h>

#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"

/* Threads can wait for the same grace period of the kernel together, so
 * several close that much faster.  They last as long as there is something to
 * close. */
#define MAX_THREADS 8

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static int *fds OVS_GUARDED_BY(mutex);
static size_t n_fds OVS_GUARDED_BY(mutex);
static size_t allocated_fds OVS_GUARDED_BY(mutex);
static int n_threads OVS_GUARDED_BY(mutex);

static void *
close_fds(void *aux OVS_UNUSED)
{
    ovsrcu_quiesce_start();
    ovs_mutex_lock(&mutex);
    while (n_fds) {
        int fd = fds[--n_fds];

        ovs_mutex_unlock(&mutex);
        close(fd);
        ovs_mutex_lock(&mutex);
    }
    n_threads--;
    ovs_mutex_unlock(&mutex);
    return NULL;
}

void
close_later(int fd)
{
    ovs_mutex_lock(&mutex);
    if (n_fds >= allocated_fds) {
        fds = x2nrealloc(fds, &allocated_fds, sizeof *fds);
    }
    fds[n_fds++] = fd;
    if (n_threads < MAX_THREADS) {
        n_threads++;
        pthread_detach(ovs_thread_create("close", close_fds, NULL));
    }
    ovs_mutex_unlock(&mutex);
}
