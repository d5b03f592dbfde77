/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_READER_H
#define TASUKID_MIRROR_READER_H 1

/* Reading the streams of a connection, whatever they carry. */

#include "conn.h"
#include "progress.h"

/* Reads both streams as far as that goes.  Returns PROGRESS_NONE, LOST or
 * WHOLE. */
enum progress reader_run(struct mirror_conn *);

#endif /* reader.h */
