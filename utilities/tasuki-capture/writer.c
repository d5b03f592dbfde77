/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The only file that knows libwiretap, which tasuki-capture alone is linked
 * with.  The library is large, brings GLib, and is under GPL-2.0-or-later.  So
 * the program as a whole is under GPL-3.0-or-later: Apache-2.0 does not go
 * together with version 2.  None of this may become true of tasukid or of Open
 * vSwitch. */

#include <config.h>
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Before our headers: both define MIN and the like, ours only if needed. */
#include <wiretap/wtap.h>
#include <wiretap/pcapng_module.h>
#include <wsutil/wslog.h>

#include "source.h"
#include "svec.h"
#include "util.h"

/* libwiretap exports this for those who write blocks of a kind of their own,
 * but Debian does not have the header.  It has no function that writes
 * statistics that were not known when the file was opened. */
extern gboolean wtap_dump_file_write(wtap_dumper *, const void *, size_t,
                                     int *error);

struct writer {
    wtap_dumper *dumper;
    wtapng_iface_descriptions_t idbs;
    GArray *shbs;
    wtap_rec rec;
};

/* Anything that wiretap says but an errno value is our fault. */
static int
to_errno(int error)
{
    return error > 0 ? error : EINVAL;
}

void
writer_init(void)
{
    ws_log_init(program_name, NULL);
    wtap_init(FALSE);
}

static void
put_string(wtap_block_t block, guint option, const char *s)
{
    wtap_block_add_string_option(block, option, s, strlen(s));
}

static GArray *
make_section(void)
{
    wtap_block_t shb = wtap_block_create(WTAP_BLOCK_SECTION);
    GArray *shbs = g_array_new(FALSE, FALSE, sizeof(wtap_block_t));
    struct utsname os;

    if (!uname(&os)) {
        char *s = xasprintf("%s %s", os.sysname, os.release);

        put_string(shb, OPT_SHB_OS, s);
        free(s);
    }
    put_string(shb, OPT_SHB_USERAPPL, "tasuki-capture (Tasuki) "VERSION);
    g_array_append_val(shbs, shb);
    return shbs;
}

static GArray *
make_interface(const char *name, const char *description)
{
    wtap_block_t idb = wtap_block_create(WTAP_BLOCK_IF_ID_AND_INFO);
    wtapng_if_descr_mandatory_t *m = wtap_block_get_mandatory_data(idb);
    GArray *idbs = g_array_new(FALSE, FALSE, sizeof(wtap_block_t));

    m->wtap_encap = WTAP_ENCAP_ETHERNET;
    m->time_units_per_second = 1000000000;
    m->tsprecision = WTAP_TSPREC_NSEC;
    m->snap_len = SOURCE_SNAPLEN;
    put_string(idb, OPT_IDB_NAME, name);
    if (description) {
        put_string(idb, OPT_IDB_DESCRIPTION, description);
    }
    wtap_block_add_uint8_option(idb, OPT_IDB_TSRESOL, WTAP_TSPREC_NSEC);
    g_array_append_val(idbs, idb);
    return idbs;
}

struct writer *
writer_open(int fd, bool gzip, const char *interface, const char *description,
            int *error)
{
    struct writer *w = xzalloc(sizeof *w);

    w->shbs = make_section();
    w->idbs.interface_data = make_interface(interface, description);
    wtap_dump_params params = {
        .encap = WTAP_ENCAP_ETHERNET,
        .snaplen = SOURCE_SNAPLEN,
        .tsprec = WTAP_TSPREC_NSEC,
        .shb_hdrs = w->shbs,
        .idb_inf = &w->idbs,
    };
    int wtap_error = 0;
    gchar *info = NULL;

    wtap_rec_init(&w->rec);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        wtap_error = errno;
    } else {
        w->dumper = wtap_dump_fdopen(copy, wtap_pcapng_file_type_subtype(),
                                     gzip ? WTAP_GZIP_COMPRESSED
                                     : WTAP_UNCOMPRESSED,
                                     &params, &wtap_error, &info);
        g_free(info);
    }
    if (!w->dumper) {
        writer_close(w, NULL);
        *error = to_errno(wtap_error);
        return NULL;
    }
    return w;
}

int
writer_put(struct writer *w, const struct timespec *when, const void *data,
           uint32_t caplen, uint32_t len, const struct svec *comments)
{
    wtap_rec *rec = &w->rec;
    wtap_packet_header *h = &rec->rec_header.packet_header;
    int error = 0;
    gchar *info = NULL;

    rec->rec_type = REC_TYPE_PACKET;
    rec->presence_flags = (WTAP_HAS_TS | WTAP_HAS_CAP_LEN
                           | WTAP_HAS_INTERFACE_ID);
    rec->ts.secs = when->tv_sec;
    rec->ts.nsecs = when->tv_nsec;
    rec->tsprec = WTAP_TSPREC_NSEC;
    h->caplen = caplen;
    h->len = len;
    h->pkt_encap = WTAP_ENCAP_ETHERNET;
    h->interface_id = 0;

    rec->block = NULL;
    if (comments->n) {
        rec->block = wtap_block_create(WTAP_BLOCK_PACKET);
        for (size_t i = 0; i < comments->n; i++) {
            put_string(rec->block, OPT_COMMENT, comments->names[i]);
        }
        rec->block_was_modified = TRUE;
    }
    if (!wtap_dump(w->dumper, rec, data, &error, &info)) {
        error = to_errno(error);
    }
    g_free(info);
    wtap_block_unref(rec->block);
    rec->block = NULL;
    return error;
}

int
writer_flush(struct writer *w)
{
    int error = 0;

    return wtap_dump_flush(w->dumper, &error) ? 0 : to_errno(error);
}

uint64_t
writer_bytes(const struct writer *w)
{
    return wtap_get_bytes_dumped(w->dumper);
}

uint64_t
writer_packet_bytes(uint32_t caplen, const struct svec *comments)
{
    /* Enhanced Packet Block, section 4.3: 32 bytes around the data; options,
     * section 3.5, have 4 bytes each and one more ends them. */
    uint64_t bytes = 32 + ROUND_UP(caplen, 4) + 4;

    for (size_t i = 0; i < comments->n; i++) {
        bytes += 4 + ROUND_UP(strlen(comments->names[i]), 4);
    }
    return bytes;
}

/* Writing a block of pcapng. */

static void
put_u32(GByteArray *block, uint32_t x)
{
    g_byte_array_append(block, (const guint8 *) &x, sizeof x);
}

/* A time, or a timestamp option's value: the more significant half first,
 * whatever the byte order. */
static void
put_time(GByteArray *block, const struct timespec *t)
{
    uint64_t ns = t->tv_sec * UINT64_C(1000000000) + t->tv_nsec;

    put_u32(block, ns >> 32);
    put_u32(block, ns);
}

static void
put_option(GByteArray *block, uint16_t code, const void *value, uint16_t len)
{
    static const guint8 zeros[4];

    g_byte_array_append(block, (const guint8 *) &code, sizeof code);
    g_byte_array_append(block, (const guint8 *) &len, sizeof len);
    g_byte_array_append(block, value, len);
    g_byte_array_append(block, zeros, ROUND_UP(len, 4) - len);
}

static void
put_time_option(GByteArray *block, uint16_t code, const struct timespec *t)
{
    GByteArray *value = g_byte_array_new();

    put_time(value, t);
    put_option(block, code, value->data, value->len);
    g_byte_array_free(value, TRUE);
}

/* The Interface Statistics Block, section 4.6. */
static GByteArray *
make_statistics(const struct writer_stats *s)
{
    GByteArray *block = g_byte_array_new();
    size_t comment_len = MIN(strlen(s->comment), UINT16_MAX);

    put_u32(block, BLOCK_TYPE_ISB);
    put_u32(block, 0);          /* The length, to come. */
    put_u32(block, 0);          /* Interface number. */
    put_time(block, &s->end);
    put_option(block, OPT_COMMENT, s->comment, comment_len);
    put_time_option(block, OPT_ISB_STARTTIME, &s->start);
    put_time_option(block, OPT_ISB_ENDTIME, &s->end);
    put_option(block, OPT_ISB_IFRECV, &s->received, sizeof s->received);
    put_option(block, OPT_ISB_OSDROP, &s->dropped, sizeof s->dropped);
    put_option(block, OPT_ISB_USRDELIV, &s->delivered, sizeof s->delivered);
    put_option(block, OPT_EOFOPT, NULL, 0);

    uint32_t length = block->len + sizeof length;
    put_u32(block, length);
    memcpy(block->data + 4, &length, sizeof length);
    return block;
}

static int
put_statistics(struct writer *w, const struct writer_stats *s)
{
    GByteArray *block = make_statistics(s);
    int error = 0;

    if (!wtap_dump_file_write(w->dumper, block->data, block->len, &error)) {
        error = to_errno(error);
    }
    g_byte_array_free(block, TRUE);
    return error;
}

int
writer_close(struct writer *w, const struct writer_stats *stats)
{
    int error = 0;

    if (w->dumper) {
        int close_error = 0;
        gchar *info = NULL;

        error = stats ? put_statistics(w, stats) : 0;
        if (!wtap_dump_close(w->dumper, NULL, &close_error, &info) && !error) {
            error = to_errno(close_error);
        }
        g_free(info);
    }
    wtap_rec_cleanup(&w->rec);
    wtap_block_array_free(w->shbs);
    wtap_block_array_free(w->idbs.interface_data);
    free(w);
    return error;
}
