/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ethtool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "socket-util.h"
#include "util.h"

static int
do_ioctl(const char *name, void *request)
{
    struct ifreq ifr;

    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_data = request;
    return af_inet_ifreq_ioctl(name, &ifr, SIOCETHTOOL, "SIOCETHTOOL");
}

int
ethtool_driver(const char *name, struct ethtool_drvinfo *info)
{
    memset(info, 0, sizeof *info);
    info->cmd = ETHTOOL_GDRVINFO;
    return do_ioctl(name, info);
}

int
ethtool_channels(const char *name, struct ethtool_channels *channels)
{
    memset(channels, 0, sizeof *channels);
    channels->cmd = ETHTOOL_GCHANNELS;
    return do_ioctl(name, channels);
}

int
ethtool_rss(const char *name, struct rss *rss, uint8_t *hfunc)
{
    struct ethtool_rxfh sizes = { .cmd = ETHTOOL_GRSSH };
    int error = do_ioctl(name, &sizes);

    if (error) {
        return error;
    }

    size_t n_table = sizes.indir_size, key_len = sizes.key_size;
    struct ethtool_rxfh *rxfh = xzalloc(sizeof *rxfh + n_table * 4 + key_len);

    rxfh->cmd = ETHTOOL_GRSSH;
    rxfh->indir_size = n_table;
    rxfh->key_size = key_len;
    error = do_ioctl(name, rxfh);
    if (!error) {
        rss->n_table = n_table;
        rss->table = xmemdup(rxfh->rss_config, n_table * 4);
        rss->key_len = key_len;
        rss->key = xmemdup(rxfh->rss_config + n_table, key_len);
        /* Since Linux 6.8 the byte is named input_xfrm: RXH_XFRM_SYM_XOR and,
         * since 6.15, RXH_XFRM_SYM_OR_XOR. */
        rss->mix = (rxfh->rsvd8[0] & 2 ? RSS_OR_XOR
                    : rxfh->rsvd8[0] & 1 ? RSS_XOR : RSS_AS_IS);
        *hfunc = rxfh->hfunc;
    }
    free(rxfh);
    return error;
}

int
ethtool_get_fields(const char *name, uint32_t flow_type, uint64_t *fields)
{
    struct ethtool_rxnfc nfc = {
        .cmd = ETHTOOL_GRXFH, .flow_type = flow_type,
    };
    int error = do_ioctl(name, &nfc);

    *fields = error ? 0 : nfc.data;
    return error;
}

int
ethtool_set_fields(const char *name, uint32_t flow_type, uint64_t fields)
{
    struct ethtool_rxnfc nfc = {
        .cmd = ETHTOOL_SRXFH, .flow_type = flow_type, .data = fields,
    };

    return do_ioctl(name, &nfc);
}

static int
get_flags(const char *name, uint32_t *flags)
{
    struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
    int error = do_ioctl(name, &value);

    *flags = error ? 0 : value.data;
    return error;
}

int
ethtool_get_ntuple(const char *name, bool *on)
{
    uint32_t flags;
    int error = get_flags(name, &flags);

    *on = (flags & ETH_FLAG_NTUPLE) != 0;
    return error;
}

int
ethtool_set_ntuple(const char *name, bool on)
{
    struct ethtool_value value = { .cmd = ETHTOOL_SFLAGS };
    int error = get_flags(name, &value.data);

    if (error) {
        return error;
    }
    value.data = on ? value.data | ETH_FLAG_NTUPLE
                    : value.data & ~ETH_FLAG_NTUPLE;
    return do_ioctl(name, &value);
}

int
ethtool_list_filters(const char *name, uint32_t **used, size_t *n_used,
                     unsigned int *n_rules)
{
    struct ethtool_rxnfc count = { .cmd = ETHTOOL_GRXCLSRLCNT };
    int error = do_ioctl(name, &count);

    *used = NULL;
    *n_used = *n_rules = 0;
    if (error) {
        return error;
    }
    *n_rules = count.data & ~RX_CLS_LOC_SPECIAL;
    if (!count.rule_cnt) {
        return 0;
    }

    struct ethtool_rxnfc *all = xzalloc(sizeof *all + count.rule_cnt * 4);
    all->cmd = ETHTOOL_GRXCLSRLALL;
    all->rule_cnt = count.rule_cnt;
    error = do_ioctl(name, all);
    if (!error) {
        if (all->data) {
            *n_rules = all->data;
        }
        *n_used = MIN(all->rule_cnt, count.rule_cnt);
        *used = xmemdup(all->rule_locs, *n_used * 4);
    }
    free(all);
    return error;
}

int
ethtool_get_filter(const char *name, uint32_t location,
                   struct ethtool_rx_flow_spec *spec)
{
    struct ethtool_rxnfc nfc = {
        .cmd = ETHTOOL_GRXCLSRULE, .fs.location = location,
    };
    int error = do_ioctl(name, &nfc);

    *spec = nfc.fs;
    return error;
}

int
ethtool_add_filter(const char *name, const struct ethtool_rx_flow_spec *spec)
{
    struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_SRXCLSRLINS, .fs = *spec };

    return do_ioctl(name, &nfc);
}

int
ethtool_delete_filter(const char *name, uint32_t location)
{
    struct ethtool_rxnfc nfc = {
        .cmd = ETHTOOL_SRXCLSRLDEL, .fs.location = location,
    };

    return do_ioctl(name, &nfc);
}
