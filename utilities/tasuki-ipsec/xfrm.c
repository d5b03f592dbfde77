/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "xfrm.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"
#include "xfrm-message.h"

/* Messages carry keys.  So they are received into one buffer that is wiped,
 * and not by libnl, which copies them; and libnl-xfrm's objects are of no use:
 * they lack interface ids and the flags that came later. */

#define BUFFER (256 * 1024)     /* Bytes. */
#define DUMP_TRIES 5

struct xfrm {
    struct nl_sock *sock;
    uint32_t seq;
    uint8_t *buffer;
};

/* Returns null, and sets '*errorp' to the reason, for the caller to free, if
 * the kernel has no XFRM. */
struct xfrm *
xfrm_open(char **errorp)
{
    struct xfrm *x = xzalloc(sizeof *x);
    int on = 1;

    *errorp = NULL;
    x->buffer = xmalloc(BUFFER);
    x->sock = nl_socket_alloc();
    if (!x->sock) {
        out_of_memory();
    }
    errno = 0;
    int error = nl_connect(x->sock, NETLINK_XFRM);
    if (error) {
        *errorp = errno == EPROTONOSUPPORT
                  ? xstrdup("this kernel has no IPsec that can be configured "
                            "(CONFIG_XFRM_USER)")
                  : xasprintf("cannot talk to the kernel about IPsec (%s)",
                              nl_geterror(error));
        xfrm_close(x);
        return NULL;
    }
    /* Without them there are only errno values. */
    setsockopt(nl_socket_get_fd(x->sock), SOL_NETLINK, NETLINK_EXT_ACK,
               &on, sizeof on);
    return x;
}

void
xfrm_close(struct xfrm *x)
{
    if (x) {
        nl_socket_free(x->sock);
        free(x->buffer);
        free(x);
    }
}

/* Returns what the kernel says of an error beside its number, or null. */
static const char *
extack(const struct nlmsghdr *nlh)
{
    static struct nla_policy policy[NLMSGERR_ATTR_MAX + 1] = {
        [NLMSGERR_ATTR_MSG] = { .type = NLA_STRING },
    };
    const struct nlmsgerr *e = nlmsg_data(nlh);
    struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
    size_t offset = sizeof *e;

    if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS)) {
        return NULL;
    }
    if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
        offset += e->msg.nlmsg_len - sizeof e->msg;
    }
    offset = NLMSG_ALIGN(offset);
    int len = nlmsg_datalen(nlh) - (int) offset;
    if (len <= 0
        || nla_parse(attrs, NLMSGERR_ATTR_MAX,
                     ALIGNED_CAST(struct nlattr *, (char *) e + offset),
                     len, policy)
        || !attrs[NLMSGERR_ATTR_MSG]) {
        return NULL;
    }
    return nla_get_string(attrs[NLMSGERR_ATTR_MSG]);
}

struct answer {
    int error;                  /* A positive errno value. */
    char *text;                 /* From the kernel, or null. */
    bool interrupted;           /* A dump is not of one moment. */
    struct sa_set *have;        /* For a dump. */
};

/* Takes in one message.  Returns true if it is the last of the answer. */
static bool
receive_message(const struct nlmsghdr *nlh, struct answer *answer)
{
    answer->interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    switch (nlh->nlmsg_type) {
    case NLMSG_DONE:
        return true;

    case NLMSG_ERROR: {
        const struct nlmsgerr *e = nlmsg_data(nlh);

        if (nlmsg_datalen(nlh) < sizeof *e) {
            answer->error = EPROTO;
        } else if (e->error) {
            answer->error = -e->error;
            answer->text = nullable_xstrdup(extack(nlh));
        }
        return true;
    }

    case XFRM_MSG_NEWSA:
        xfrm_message_to_sa(nlh, answer->have);
        return false;

    case XFRM_MSG_NEWPOLICY:
        xfrm_message_to_policy(nlh, answer->have);
        return false;

    default:
        return false;
    }
}

/* Sends 'msg', which is wiped and freed, and waits for all of the answer. */
static void
transact(struct xfrm *x, struct nl_msg *msg, struct answer *answer)
{
    struct nlmsghdr *nlh = nlmsg_hdr(msg);
    bool done = false;

    nlh->nlmsg_seq = ++x->seq;
    nlh->nlmsg_pid = nl_socket_get_local_port(x->sock);
    nlh->nlmsg_flags |= NLM_F_REQUEST;
    int retval = nl_sendto(x->sock, nlh, nlh->nlmsg_len);
    explicit_bzero(nlmsg_data(nlh), nlmsg_datalen(nlh));
    nlmsg_free(msg);
    if (retval < 0) {
        answer->error = errno ? errno : EIO;
        return;
    }

    while (!done) {
        ssize_t n = recv(nl_socket_get_fd(x->sock), x->buffer, BUFFER, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            answer->error = errno;
            break;
        }
        int left = n;
        for (struct nlmsghdr *m = ALIGNED_CAST(struct nlmsghdr *, x->buffer);
             nlmsg_ok(m, left) && !done; m = nlmsg_next(m, &left)) {
            if (m->nlmsg_seq == x->seq) {
                done = receive_message(m, answer);
            }
        }
        explicit_bzero(x->buffer, n);
    }
}

static struct answer
dump(struct xfrm *x, int type, struct sa_set *have)
{
    struct answer answer = { .have = have };
    struct nl_msg *msg = nlmsg_alloc();
    uint8_t zeros[MAX(sizeof(struct xfrm_usersa_id),
                      sizeof(struct xfrm_userpolicy_id))] = { 0 };

    nlmsg_put(msg, 0, 0, type, 0, NLM_F_DUMP);
    nlmsg_append(msg, zeros, type == XFRM_MSG_GETSA
                             ? sizeof(struct xfrm_usersa_id)
                             : sizeof(struct xfrm_userpolicy_id),
                 NLMSG_ALIGNTO);
    transact(x, msg, &answer);
    return answer;
}

/* Sets 'have', which is empty, to all SAs and policies of this network
 * namespace.  Returns null, or, for the caller to free, what went wrong. */
char *
xfrm_dump(struct xfrm *x, struct sa_set *have)
{
    static const int types[] = { XFRM_MSG_GETSA, XFRM_MSG_GETPOLICY };
    char *error = NULL;

    for (int try = 0; try < DUMP_TRIES; try++) {
        bool interrupted = false;

        for (size_t i = 0; i < ARRAY_SIZE(types) && !error; i++) {
            struct answer answer = dump(x, types[i], have);

            interrupted |= answer.interrupted;
            if (answer.error) {
                error = answer.error == EPERM
                    ? xstrdup("cannot list security associations: that needs "
                              "the privilege CAP_NET_ADMIN (root has it)")
                    : xasprintf("cannot list security associations (%s%s%s)",
                                ovs_strerror(answer.error),
                                answer.text ? ": " : "",
                                answer.text ? answer.text : "");
                free(answer.text);
            }
        }
        if (error || !interrupted) {
            break;
        }
        sa_set_destroy(have);
    }
    if (error) {
        sa_set_destroy(have);
    }
    return error;
}

static char *
describe_step(const struct step *step)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (step->kind == STEP_ADD_SA || step->kind == STEP_DEL_SA) {
        ds_put_format(&ds, "SA with SPI %#"PRIx32" to ", step->sa.spi);
        ipv6_format_mapped(&step->sa.dst, &ds);
    } else {
        char *s = policy_describe(&step->policy);

        ds_put_format(&ds, "policy %s", s);
        free(s);
    }
    return ds_steal_cstr(&ds);
}

/* What an errno value means here, beyond its usual text, or null. */
static const char *
explain(const struct step *step, int error)
{
    bool sa = step->kind == STEP_ADD_SA;

    switch (error) {
    case EPERM:
        return "that needs the privilege CAP_NET_ADMIN (root has it)";
    case EPROTONOSUPPORT:
        return sa ? "this kernel has no ESP (modules esp4 and esp6)" : NULL;
    case ENOSYS:
    case ENOENT:
        return sa ? "this kernel has no such cipher, or no ESP (modules "
                    "esp4 and esp6)" : NULL;
    case EEXIST:
        return "there is one already, that somebody else has just made";
    default:
        return NULL;
    }
}

/* Does 'step', except STEP_USE_KEYS.  What is to go away may have gone
 * already. Returns null, or, for the caller to free, what went wrong. */
char *
xfrm_step(struct xfrm *x, const struct step *step)
{
    struct answer answer = { .error = 0 };
    struct nl_msg *msg = nlmsg_alloc();
    bool add = false;

    switch (step->kind) {
    case STEP_ADD_SA:
        add = true;
        xfrm_message_add_sa(msg, &step->sa);
        break;
    case STEP_DEL_SA:
        xfrm_message_del_sa(msg, &step->sa);
        break;
    case STEP_ADD_POLICY:
    case STEP_SET_POLICY:
        add = true;
        xfrm_message_add_policy(msg, &step->policy,
                                step->kind == STEP_SET_POLICY);
        break;
    case STEP_DEL_POLICY:
        xfrm_message_del_policy(msg, &step->policy);
        break;
    case STEP_USE_KEYS:
    default:
        OVS_NOT_REACHED();
    }
    nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
    transact(x, msg, &answer);

    if (!answer.error
        || (!add && (answer.error == ESRCH || answer.error == ENOENT))) {
        free(answer.text);
        return NULL;
    }
    char *what = describe_step(step);
    const char *why = explain(step, answer.error);
    char *error = xasprintf("%s: cannot be %s: %s%s%s%s", what,
                            add ? "added" : "deleted",
                            why ? why : ovs_strerror(answer.error),
                            answer.text ? " (" : "",
                            answer.text ? answer.text : "",
                            answer.text ? ")" : "");
    free(what);
    free(answer.text);
    return error;
}
