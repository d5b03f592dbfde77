/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket-util.h"
#include "util.h"

/* Lines of the file, beside comments:
 *
 *   tunnel NAME            whose keys these are
 *   SIDE TAG ENC [AUTH]    in hexadecimal, of the SA with which SIDE sends
 *   psk TAG KEY            for IKE
 *   used SIDE              SIDE has sent with them
 */

#define MAX_FILE (512 * 1024)   /* Bytes. */

static bool
parse_tag(const char *word, const struct tunnel *t, size_t *tag)
{
    int value;

    if (!word || !str_to_int(word, 10, &value)
        || value < 0 || value >= t->n_tags) {
        return false;
    }
    *tag = value;
    return true;
}

static bool
parse_side(const char *word, enum tunnel_side *side)
{
    if (!word || (strcmp(word, "a") && strcmp(word, "b"))) {
        return false;
    }
    *side = *word == 'a' ? SIDE_A : SIDE_B;
    return true;
}

/* No message shows what a key is made of. */
static const char *
parse_hex(const char *word, uint8_t *key, size_t n)
{
    if (!n) {
        return word ? "a key too many" : NULL;
    }
    if (!word) {
        return "a key is missing";
    }
    if (strlen(word) != 2 * n) {
        return "a key is not as long as the cipher's is";
    }
    for (size_t i = 0; i < n; i++) {
        bool ok;

        key[i] = hexits_value(&word[2 * i], 2, &ok);
        if (!ok) {
            return "a key is not hexadecimal";
        }
    }
    return NULL;
}

static const char *
parse_sa(enum tunnel_side side, char **words, const struct tunnel *t,
         struct keys *keys)
{
    const struct cipher *cipher = t->cipher;
    size_t tag;

    if (!parse_tag(words[1], t, &tag)) {
        return "there is no such tag";
    }
    struct sa_key *sa = &keys->sas[side][tag];
    if (sa->known) {
        return "the keys of this tag were there already";
    }
    const char *error = parse_hex(words[2], sa->enc, cipher->enc_key);
    if (!error) {
        error = parse_hex(words[3], sa->auth, cipher->auth_key);
    }
    sa->known = !error;
    return error;
}

/* Returns what is wrong with a line, or null. */
static const char *
parse_line(char *line, const struct tunnel *t, struct keys *keys, bool *named)
{
    char *words[6] = { NULL }, *save = NULL;
    enum tunnel_side side;
    size_t n = 0, tag;

    for (char *w = strtok_r(line, " \t\r", &save); w && n < 5;
         w = strtok_r(NULL, " \t\r", &save)) {
        words[n++] = w;
    }
    if (!n || words[0][0] == '#') {
        return NULL;
    } else if (n > 4) {
        return "too many words";
    } else if (!strcmp(words[0], "tunnel")) {
        *named = true;
        return n == 2 && !strcmp(words[1], t->name)
               ? NULL : "these are the keys of another tunnel";
    } else if (!strcmp(words[0], "used")) {
        if (n != 2 || !parse_side(words[1], &side)) {
            return "not \"a\" or \"b\"";
        }
        keys->used[side] = true;
        return NULL;
    } else if (!strcmp(words[0], "psk")) {
        if (!parse_tag(words[1], t, &tag) || tag != keys->n_psks) {
            return "this tag's is not the next psk";
        }
        keys->n_psks++;
        return n > 3 ? "a key too many"
               : parse_hex(words[2], keys->psks[tag], KEYS_PSK);
    } else if (parse_side(words[0], &side)) {
        return parse_sa(side, words, t, keys);
    }
    return "it begins with none of \"tunnel\", \"a\", \"b\", \"psk\", "
           "\"used\"";
}

/* Returns the keys of 't' that are in 'text', which is changed.  If they are
 * not all there, returns null and sets '*errorp' to the reason. */
struct keys *
keys_parse(char *text, const struct tunnel *t, char **errorp)
{
    struct keys *keys = xzalloc(sizeof *keys);
    char *save = NULL;
    bool named = false;
    int n = 0;

    *errorp = NULL;
    for (char *line = text; line && !*errorp; line = save) {
        n++;
        save = strchr(line, '\n');
        if (save) {
            *save++ = '\0';
        }
        const char *error = parse_line(line, t, keys, &named);
        if (error) {
            *errorp = xasprintf("line %d: %s", n, error);
        }
    }
    if (!*errorp && !named) {
        *errorp = xstrdup("no line says whose keys these are");
    }
    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        for (size_t i = 0; i < t->ends[side].n_tags && !*errorp; i++) {
            if (!keys->sas[side][i].known) {
                *errorp = xasprintf("keys of side %s, tag %"PRIuSIZE" are "
                                    "missing", tunnel_side_name(side), i);
            }
        }
    }
    if (*errorp) {
        keys_destroy(keys);
        return NULL;
    }
    return keys;
}

/* Why a file is not to be trusted with keys, or null. */
static char *
check_file(int fd, struct stat *s)
{
    if (fstat(fd, s)) {
        return xstrdup(ovs_strerror(errno));
    } else if (!S_ISREG(s->st_mode)) {
        return xstrdup("not a regular file");
    } else if (s->st_uid && s->st_uid != geteuid()) {
        return xasprintf("it belongs to user %lu, who is neither root nor you",
                         (unsigned long int) s->st_uid);
    } else if (s->st_mode & 077) {
        return xasprintf("others may use it (mode %04o); its owner alone is "
                         "to (chmod 600)",
                         (unsigned int) s->st_mode & 07777);
    } else if (s->st_size > MAX_FILE) {
        return xasprintf("more than %d bytes", MAX_FILE);
    }
    return NULL;
}

static int
open_file(const char *file, int flags, char **errorp)
{
    int fd = open(file, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        *errorp = xasprintf("%s: %s", file, errno == ELOOP
                            ? "a symbolic link, which is not followed"
                            : ovs_strerror(errno));
        return -1;
    }

    struct stat s;
    char *error = check_file(fd, &s);
    if (error) {
        *errorp = xasprintf("%s: %s", file, error);
        free(error);
        close(fd);
        return -1;
    }
    return fd;
}

/* As keys_parse(), with the contents of 'file', if nobody but its owner may
 * read or write it. */
struct keys *
keys_read(const char *file, const struct tunnel *t, char **errorp)
{
    struct keys *keys = NULL;
    size_t n;

    *errorp = NULL;
    int fd = open_file(file, O_RDONLY, errorp);
    if (fd < 0) {
        return NULL;
    }

    char *text = xmalloc(MAX_FILE + 1);
    int error = read_fully(fd, text, MAX_FILE + 1, &n);
    close(fd);
    if (error && error != EOF) {
        *errorp = xasprintf("%s: %s", file, ovs_strerror(error));
    } else if (n > MAX_FILE || memchr(text, '\0', n)) {
        *errorp = xasprintf("%s: not a file of keys", file);
    } else {
        char *problem;

        text[n] = '\0';
        keys = keys_parse(text, t, &problem);
        if (!keys) {
            *errorp = xasprintf("%s: %s", file, problem);
            free(problem);
        }
    }
    explicit_bzero(text, MAX_FILE + 1);
    free(text);
    return keys;
}

void
keys_destroy(struct keys *keys)
{
    if (keys) {
        explicit_bzero(keys, sizeof *keys);
        free(keys);
    }
}

/* Text that does not move, so that it can be wiped. */
struct text {
    char *s;
    size_t n, max;
};

static void OVS_PRINTF_FORMAT(2, 3)
put(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->n += vsnprintf(text->s + text->n, text->max - text->n, format, args);
    va_end(args);
    ovs_assert(text->n < text->max);
}

/* Puts a new key of 'n' bytes.  Returns 0 or an errno value. */
static int
put_key(struct text *text, size_t n)
{
    uint8_t key[CIPHER_MAX_KEY];

    if (!n) {
        return 0;
    }
    if (getrandom(key, n, 0) != n) {
        return errno ? errno : EIO;
    }
    put(text, " ");
    for (size_t i = 0; i < n; i++) {
        put(text, "%02x", key[i]);
    }
    explicit_bzero(key, sizeof key);
    return 0;
}

static int
put_keys(struct text *text, const struct tunnel *t)
{
    int error = 0;

    put(text, "# Keys of a tunnel for tasuki-ipsec(8), the same at both ends."
        "  Whoever has\n# them can read what the tunnel carries, and forge it."
        "\ntunnel %s\n", t->name);
    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        for (size_t i = 0; i < t->ends[side].n_tags && !error; i++) {
            put(text, "%s %"PRIuSIZE, tunnel_side_name(side), i);
            error = put_key(text, t->cipher->enc_key);
            if (!error) {
                error = put_key(text, t->cipher->auth_key);
            }
            put(text, "\n");
        }
    }
    for (size_t i = 0; i < t->n_tags && !error; i++) {
        put(text, "psk %"PRIuSIZE, i);
        error = put_key(text, KEYS_PSK);
        put(text, "\n");
    }
    return error;
}

/* Makes 'file', which must not exist, with new keys for 't'.  Returns null,
 * or, for the caller to free, what went wrong. */
char *
keys_generate(const char *file, const struct tunnel *t)
{
    struct text text = { .max = MAX_FILE };
    char *error = NULL;

    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);
    if (fd < 0) {
        return xasprintf("%s: %s", file, errno == EEXIST
                         ? "it is there already, and is kept"
                         : ovs_strerror(errno));
    }

    size_t written;
    text.s = xmalloc(text.max);
    int err = put_keys(&text, t);
    if (!err) {
        err = write_fully(fd, text.s, text.n, &written);
    }
    if (!err && fsync(fd)) {
        err = errno;
    }
    if (close(fd) && !err) {
        err = errno;
    }
    if (err) {
        error = xasprintf("%s: %s", file, ovs_strerror(err));
        unlink(file);
    }
    explicit_bzero(text.s, text.max);
    free(text.s);
    return error;
}

/* Writes into 'file' that 'side' sends with its keys from now on. */
char *
keys_set_used(const char *file, enum tunnel_side side)
{
    char *error = NULL;
    /* The last line may lack its end. */
    char *line = xasprintf("\nused %s\n", tunnel_side_name(side));

    int fd = open_file(file, O_WRONLY | O_APPEND, &error);
    if (fd >= 0) {
        size_t written;
        int err = write_fully(fd, line, strlen(line), &written);

        if (!err && fsync(fd)) {
            err = errno;
        }
        if (err) {
            error = xasprintf("%s: %s", file, ovs_strerror(err));
        }
        close(fd);
    }
    free(line);
    return error;
}

/* Returns the name that the file of keys has beside 'tunnel_file', for the
 * caller to free. */
char *
keys_file_name(const char *tunnel_file)
{
    size_t n = strlen(tunnel_file);

    if (n > 5 && !strcmp(tunnel_file + n - 5, ".json")) {
        n -= 5;
    }
    return xasprintf("%.*s.keys", (int) n, tunnel_file);
}
