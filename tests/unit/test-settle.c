/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The message of lib/settle.h: an experimenter message (A.5.4 of OpenFlow 1.0,
 * 7.5.4 of 1.3). */

#include <config.h>
#include "settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "openflow/openflow.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static void
bytes(void **state)
{
    (void) state;
    for (int version = OFP10_VERSION; version <= OFP15_VERSION; version++) {
        struct ofpbuf *a = settle_encode(version);
        struct ofpbuf *b = settle_encode(version);
        /* Version, type, length; after the transaction id, the experimenter
         * and its type of message. */
        const uint8_t begin[] = { version, 4, 0, 16 };
        const uint8_t end[] = { 0, 0x5a, 0x54, 0x4b, 0, 0, 0, 0 };
        const uint8_t *p = a->data;

        assert_int_equal(a->size, 16);
        assert_memory_equal(p, begin, sizeof begin);
        assert_memory_equal(p + 8, end, sizeof end);
        assert_memory_not_equal(p + 4, (uint8_t *) b->data + 4, 4);
        assert_true(settle_is(a->data));
        ofpbuf_delete(a);
        ofpbuf_delete(b);
    }
}

/* With any bit different that is not the transaction id's or the version's, it
 * is another message. */
static void
others(void **state)
{
    (void) state;
    for (size_t i = 8; i < 16 * 8; i++) {
        struct ofpbuf *msg = settle_encode(OFP13_VERSION);
        uint8_t *p = msg->data;

        p[i / 8] ^= 1 << i % 8;
        assert_int_equal(settle_is(msg->data), i / 32 == 1);
        ofpbuf_delete(msg);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes),
        cmocka_unit_test(others),
    };

    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
