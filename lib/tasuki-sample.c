/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-sample.h"

#include <string.h>

#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* The user data. */
struct sample_data {
    char magic[12];             /* Not terminated. */
    ovs_be32 probability;
};
BUILD_ASSERT_DECL(sizeof(struct sample_data) == 16);

static const char magic[] = "TasukiSample";
BUILD_ASSERT_DECL(sizeof magic == 12 + 1);

void
tasuki_sample_put(struct ofpbuf *ofpacts, uint32_t probability,
                  uint16_t max_len, uint32_t meter_id)
{
    struct sample_data data = { .probability = htonl(probability) };
    struct ofpact_controller *oc = ofpact_put_CONTROLLER(ofpacts);

    memcpy(data.magic, magic, sizeof data.magic);
    oc->max_len = max_len;
    oc->reason = OFPR_ACTION;
    oc->meter_id = meter_id;
    oc->provider_meter_id = UINT32_MAX;
    oc->userdata_len = sizeof data;
    ofpbuf_put(ofpacts, &data, sizeof data);

    oc = ofpacts->header;
    ofpact_finish_CONTROLLER(ofpacts, &oc);
}

uint32_t
tasuki_sample_probability(const uint8_t *userdata, size_t len)
{
    struct sample_data data;

    if (len != sizeof data || memcmp(userdata, magic, sizeof data.magic)) {
        return TASUKI_SAMPLE_ALL;
    }
    memcpy(&data, userdata, sizeof data);
    return ntohl(data.probability);
}
