/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_APP_CALL_H
#define TASUKID_APP_CALL_H 1

/* How the core calls an application.  It notes whose code runs: what that code
 * may do to a switch depends on it, and the log names the application if it
 * crashes. */

#include "app.h"

/* One callback that has not returned. */
struct app_call {
    const struct app_call *outer;       /* Whose callback led to it, or
                                         * null. */
    const struct app_class *class;
    const char *callback;               /* A static string. */
};

/* Calls CLASS->CALLBACK(...), which returns nothing. */
#define APP_CALL(CLASS, CALLBACK, ...)                                  \
    do {                                                                \
        struct app_call app_call__;                                     \
                                                                        \
        app_enter(&app_call__, CLASS, #CALLBACK);                       \
        (CLASS)->CALLBACK(__VA_ARGS__);                                 \
        app_leave(&app_call__);                                         \
    } while (0)

/* Calls CLASS->CALLBACK(...).  The expression has its value. */
#define APP_ASK(CLASS, CALLBACK, ...)                                   \
    ({                                                                  \
        struct app_call app_call__;                                     \
                                                                        \
        app_enter(&app_call__, CLASS, #CALLBACK);                       \
        __typeof__((CLASS)->CALLBACK(__VA_ARGS__)) app_value__          \
            = (CLASS)->CALLBACK(__VA_ARGS__);                           \
        app_leave(&app_call__);                                         \
        app_value__;                                                    \
    })

/* Code that runs between these two calls is the application's. */
void app_enter(struct app_call *, const struct app_class *,
               const char *callback);
void app_leave(const struct app_call *);

/* Returns the application whose code is running, or null if it is the
 * core's. */
const struct app_class *app_running(void);

/* From now on a fatal signal writes to the log whose code was running. */
void app_log_crashes(void);

#endif /* TASUKID_APP_CALL_H */
