/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_APPS_H
#define TASUKID_APPS_H 1

/* The applications that are part of Tasuki, in the order in which packets come
 * to them.  TASUKID_APP(NAME) stands for the one whose class is 'NAME_app'. */
#define TASUKID_APPS                            \
    TASUKID_APP(tenant)                         \
    TASUKID_APP(responder)                      \
    TASUKID_APP(handover)                       \
    TASUKID_APP(mirror)                         \
    TASUKID_APP(ipsec)                          \
    TASUKID_APP(forward)

struct app_class;

/* Registers the core and all these applications. */
void apps_register(void);

#define TASUKID_APP(NAME) extern const struct app_class NAME##_app;
TASUKID_APPS
#undef TASUKID_APP

#endif /* TASUKID_APPS_H */
