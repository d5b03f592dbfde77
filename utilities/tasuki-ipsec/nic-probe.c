/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "nic.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ethtool.h"
#include "openvswitch/dynamic-string.h"
#include "sysfs.h"
#include "util.h"

/* Returns null if sysfs shows interface 'name' of our network namespace.  It
 * need not: it shows the namespace in which it was mounted. */
static char *
check_sysfs(const char *name)
{
    unsigned int index = if_nametoindex(name);
    char *shown, *error = NULL;

    if (!index) {
        return xasprintf("%s: there is no such interface", name);
    }
    shown = sysfs_read(name, "ifindex");
    if (!shown || strtoul(shown, NULL, 10) != index) {
        error = xasprintf("%s: /sys is of another network namespace", name);
    }
    free(shown);
    return error;
}

/* Returns the number of queues whose directories are named 'prefix' and a
 * number. */
static unsigned int
count_queues(const char *name, const char *prefix)
{
    char *path = sysfs_path(name, "queues");
    DIR *dir = opendir(path);
    unsigned int n = 0;

    free(path);
    if (dir) {
        const struct dirent *de;

        while ((de = readdir(dir)) != NULL) {
            n += !strncmp(de->d_name, prefix, strlen(prefix));
        }
        closedir(dir);
    }
    return n;
}

static void
probe_rps(struct nic *nic)
{
    char **cpus = xcalloc(nic->n_rx, sizeof *cpus);
    bool ok = nic->n_rx > 0;

    for (unsigned int i = 0; i < nic->n_rx; i++) {
        cpus[i] = sysfs_read_rps(nic->name, i);
        ok &= cpus[i] != NULL;
    }
    if (ok) {
        nic->rps_cpus = cpus;
        return;
    }
    for (unsigned int i = 0; i < nic->n_rx; i++) {
        free(cpus[i]);
    }
    free(cpus);
}

static void
probe_rss(struct nic *nic)
{
    uint8_t hfunc;
    int error = ethtool_rss(nic->name, &nic->rss, &hfunc);

    if (error) {
        nic->no_rss = xasprintf("it does not tell its RSS (%s)",
                                error == EOPNOTSUPP ? "not supported"
                                : ovs_strerror(error));
    } else if (!nic->rss.key_len) {
        nic->no_rss = xstrdup("it does not tell its RSS key");
    } else if (!nic->rss.n_table) {
        nic->no_rss = xstrdup("it does not tell its RSS table");
    } else if (!(hfunc & ETHTOOL_HASH_TOEPLITZ)) {
        nic->no_rss = xstrdup("its RSS function is not Toeplitz");
    }
}

static void
probe_hash(const struct nic *nic, uint32_t flow_type, struct nic_hash *hash)
{
    uint64_t fields;
    int error = ethtool_get_fields(nic->name, flow_type, &fields);

    hash->is_on = (fields & (RXH_L4_B_0_1 | RXH_L4_B_2_3)) != 0;
    hash->can_be_set = !error;
}

char *
nic_probe(struct nic *nic, const char *name, bool ipv6)
{
    struct ethtool_channels channels;
    struct ethtool_drvinfo info;
    char *error;

    memset(nic, 0, sizeof *nic);
    error = check_sysfs(name);
    if (error) {
        return error;
    }

    nic->name = xstrdup(name);
    nic->driver = xstrdup(ethtool_driver(name, &info) ? "" : info.driver);
    nic->n_rx = count_queues(name, "rx-");
    nic->n_tx = count_queues(name, "tx-");
    if (!ethtool_channels(name, &channels)) {
        nic->max_rx = channels.max_rx + channels.max_combined;
    }
    nic->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    probe_rps(nic);
    probe_rss(nic);
    probe_hash(nic, ipv6 ? ESP_V6_FLOW : ESP_V4_FLOW, &nic->esp);
    probe_hash(nic, ipv6 ? UDP_V6_FLOW : UDP_V4_FLOW, &nic->udp);
    /* Of all drivers that answer for ESP, vmxnet3's alone can be told. */
    nic->esp.can_be_set &= !strcmp(nic->driver, "vmxnet3");

    ethtool_get_ntuple(name, &nic->ntuple);
    nic_know_driver(nic, ipv6,
                    !ethtool_list_filters(name, &nic->used, &nic->n_used,
                                          &nic->n_rules));
    return NULL;
}
