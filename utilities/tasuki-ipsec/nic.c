/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "nic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "steer-pick.h"
#include "svec.h"
#include "util.h"

/* What drivers do as of Linux 6.1, where ethtool does not tell. */
struct driver {
    const char *name;
    enum nic_answer by_spi, by_port, by_address;
    bool ipv4_only;             /* Filters IPv4 alone. */
    bool hashes_spi;            /* And says, for ESP: addresses. */
    enum rss_mix mix;
};

static const struct driver drivers[] = {
    { .name = "i40e", .by_port = NIC_YES, .by_address = NIC_YES },
    { .name = "iavf", .by_spi = NIC_YES, .by_port = NIC_YES,
      .by_address = NIC_YES },
    { .name = "ice", .by_port = NIC_YES, .by_address = NIC_YES },
    { .name = "ixgbe", .by_port = NIC_YES, .by_address = NIC_YES,
      .ipv4_only = true },
    { .name = "mlx5_core", .by_port = NIC_YES, .by_address = NIC_YES,
      .hashes_spi = true, .mix = RSS_OR_XOR },
};

void
nic_know_driver(struct nic *nic, bool ipv6, bool has_filters)
{
    nic->is_veth = !strcmp(nic->driver, "veth");
    nic->by_spi = nic->by_port = nic->by_address
        = has_filters ? NIC_TRY : NIC_NO;

    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        const struct driver *d = &drivers[i];

        if (strcmp(d->name, nic->driver)) {
            continue;
        }
        if (has_filters) {
            bool can = !ipv6 || !d->ipv4_only;

            nic->by_spi = can ? d->by_spi : NIC_NO;
            nic->by_port = can ? d->by_port : NIC_NO;
            nic->by_address = can ? d->by_address : NIC_NO;
        }
        nic->esp.is_on |= d->hashes_spi;
        if (nic->rss.mix == RSS_AS_IS) {
            nic->rss.mix = d->mix;
        }
    }
}

void
nic_uninit(struct nic *nic)
{
    free(nic->name);
    free(nic->driver);
    free(nic->used);
    free(nic->rss.key);
    free(nic->rss.table);
    free(nic->no_rss);
    if (nic->rps_cpus) {
        for (unsigned int i = 0; i < nic->n_rx; i++) {
            free(nic->rps_cpus[i]);
        }
        free(nic->rps_cpus);
    }
    memset(nic, 0, sizeof *nic);
}

static const char *
plural(unsigned int n)
{
    return n == 1 ? "" : "s";
}

static void
describe_queues(const struct nic *nic, struct svec *words)
{
    char *more = (nic->max_rx > nic->n_rx
                  ? xasprintf(" of %u that it can have (ethtool -L)",
                              nic->max_rx)
                  : xstrdup(""));

    svec_add_nocopy(words, xasprintf(
        "%s (%s) has %u receive queue%s%s; there %s %u CPU%s.",
        nic->name, nic->driver[0] ? nic->driver : "driver unknown",
        nic->n_rx, plural(nic->n_rx), more,
        nic->n_cpus == 1 ? "is" : "are", nic->n_cpus, plural(nic->n_cpus)));
    free(more);
}

static const char *
describe_hash(const struct nic_hash *hash)
{
    return (hash->is_on ? "hashes"
            : hash->can_be_set ? "can be told to hash" : "cannot hash");
}

static void
describe_filters(const struct nic *nic, struct svec *words)
{
    const struct {
        enum nic_answer answer;
        const char *name;
    } kinds[] = {
        { nic->by_spi, "SPI" },
        { nic->by_port, "UDP port" },
        { nic->by_address, "address" },
    };
    const char *const begin[] = {
        [NIC_NO] = "It cannot filter by ",
        [NIC_TRY] = "Only a try shows whether it can filter by ",
        [NIC_YES] = "It can filter by ",
    };

    for (size_t answer = ARRAY_SIZE(begin); answer-- > 0; ) {
        struct svec names = SVEC_EMPTY_INITIALIZER;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
            if (kinds[i].answer == answer) {
                svec_add(&names, kinds[i].name);
            }
        }
        if (names.n) {
            char *list = svec_join(&names, " or ", ".");

            svec_add_nocopy(words, xasprintf("%s%s", begin[answer], list));
            free(list);
        }
        svec_destroy(&names);
    }
}

void
nic_describe(const struct nic *nic, struct svec *words)
{
    describe_queues(nic, words);
    svec_add_nocopy(words, xasprintf(
        "It %s ESP by SPI; it %s UDP ports.",
        describe_hash(&nic->esp), describe_hash(&nic->udp)));
    if (nic->no_rss) {
        svec_add_nocopy(words, xasprintf(
            "Which queue a packet comes to cannot be computed: %s.",
            nic->no_rss));
    } else {
        svec_add_nocopy(words, xasprintf(
            "Which queue a packet comes to can be computed: its RSS key and "
            "table (%"PRIuSIZE" entries, %"PRIuSIZE" queues) are known.",
            nic->rss.n_table, rss_n_queues(&nic->rss)));
    }
    describe_filters(nic, words);
    svec_add(words, nic->rps_cpus
             ? "The kernel can spread packets in software (RPS), by SPI."
             : "The kernel cannot spread packets in software (RPS).");
}
