/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_PROGRESS_H
#define TASUKID_MIRROR_PROGRESS_H 1

/* What came of reading. */
enum progress {
    PROGRESS_NONE,              /* More has to come first. */
    PROGRESS_MADE,
    PROGRESS_LOST,              /* This is not understood, the next request may
                                 * be.  'reason' of the connection is set. */
    PROGRESS_WHOLE,             /* The same, but that would be a guess. */
};

#endif /* progress.h */
