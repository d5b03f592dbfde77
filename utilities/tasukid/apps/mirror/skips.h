/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_SKIPS_H
#define TASUKID_MIRROR_SKIPS_H 1

/* Telling what was left out.
 *
 * A range of a stream that a policy did not get becomes a line of JSON.  The
 * line goes to the file of the policy, if it has one, and to its capture.  An
 * analyser that misses bytes can tell from it whether they were skipped or
 * lost.
 *
 * Policies are known by their names, which are unique. */

struct mirror_skip;

/* Lines of 'policy' are appended to the file at 'path', which is made if there
 * is none, and opened anew when it was renamed or deleted.  Null: to none. */
void skips_set(const char *policy, const char *path);

/* Forgets 'policy'. */
void skips_clear(const char *policy);
void skips_destroy(void);

/* Tells that 'policy' did not get '*skip': its file, and the capture of 'port'
 * (capture.h) unless that is null.  Never waits for a reader.  What cannot be
 * written is counted. */
void skips_tell(const char *policy, const char *port,
                const struct mirror_skip *skip);

/* Returns what is wrong with the file of 'policy' and how many lines were
 * lost, or null if nothing is known to be wrong or there is no file.  Valid
 * until the next call of a function of this file. */
const char *skips_problem(const char *policy);

/* Returns the line, without its end, that says at 'now' (in ms since the
 * epoch) that 'policy' did not get '*skip'.  The caller must free it.
 *
 * It is an object as of RFC 8259, in UTF-8, below SKIP_MAX_LINE bytes, with
 * the members
 *
 *   time         RFC 3339, in UTC
 *   policy       its name
 *   zone         number of the zone, 0 for ports of no tenant
 *   transport    "tcp" or "udp"
 *   client, client_port, server, server_port
 *   direction    "to-client" or "to-server"
 *   first        of the direction's bytes, the first is 0
 *   seq          sequence number of that byte (tcp only)
 *   length       in bytes
 *   protocol     "http", "tls", "other", "udp"
 *   url          host and target of the request, if there is one.  An octet
 *                that is not part of valid UTF-8 is U+FFFD; a long url is cut
 *                and ends in U+2026
 *   reason
 */
char *skip_to_line(const struct mirror_skip *, const char *policy,
                   long long int now);
enum { SKIP_MAX_LINE = 8192 };

#endif /* TASUKID_MIRROR_SKIPS_H */
