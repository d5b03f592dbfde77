/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_ETHTOOL_H
#define TASUKI_IPSEC_ETHTOOL_H 1

/* What ethtool(8) does, by the same ioctl.  Each function returns 0 or a
 * positive errno value, such as EOPNOTSUPP, also from a driver that does not
 * know the request. */

#include <linux/ethtool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rss.h"

int ethtool_driver(const char *name, struct ethtool_drvinfo *);
int ethtool_channels(const char *name, struct ethtool_channels *);

/* First of the kernel's hash functions (string set ETH_SS_RSS_HASH_FUNCS). */
#define ETHTOOL_HASH_TOEPLITZ 1

/* Gets RSS key, table and how fields are mixed, and in '*hfunc' which hash
 * functions are used, a bitmap. */
int ethtool_rss(const char *name, struct rss *, uint8_t *hfunc);

/* The fields that are hashed, as RXH_*, of a flow type as UDP_V4_FLOW. */
int ethtool_get_fields(const char *name, uint32_t flow_type, uint64_t *);
int ethtool_set_fields(const char *name, uint32_t flow_type, uint64_t);

int ethtool_get_ntuple(const char *name, bool *on);
int ethtool_set_ntuple(const char *name, bool on);

/* Filters.  The caller must free '*used', the places that are taken; 'n_rules'
 * is 0 if the driver does not tell how many it has room for. */
int ethtool_list_filters(const char *name, uint32_t **used, size_t *n_used,
                         unsigned int *n_rules);
int ethtool_get_filter(const char *name, uint32_t location,
                       struct ethtool_rx_flow_spec *);
int ethtool_add_filter(const char *name, const struct ethtool_rx_flow_spec *);
int ethtool_delete_filter(const char *name, uint32_t location);

#endif /* TASUKI_IPSEC_ETHTOOL_H */
