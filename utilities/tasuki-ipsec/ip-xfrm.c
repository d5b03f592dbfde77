/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "ip-xfrm.h"

#include <linux/xfrm.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

static void
put_mark(struct ds *ds, uint32_t mark, uint32_t mask)
{
    if (mask) {
        ds_put_format(ds, " mark %#"PRIx32" mask %#"PRIx32, mark, mask);
    }
}

static void
put_ends(struct ds *ds, const struct in6_addr *src,
         const struct in6_addr *dst, bool v4)
{
    static const struct in6_addr any;
    struct in6_addr any4 = in6_addr_mapped_ipv4(0);

    ds_put_cstr(ds, " src ");
    ipv6_format_mapped(v4 && ipv6_addr_equals(src, &any) ? &any4 : src, ds);
    ds_put_cstr(ds, " dst ");
    ipv6_format_mapped(v4 && ipv6_addr_equals(dst, &any) ? &any4 : dst, ds);
}

static void
put_id(struct ds *ds, const struct sa *sa)
{
    put_ends(ds, &sa->src, &sa->dst, false);
    ds_put_format(ds, " proto esp spi %#"PRIx32, sa->spi);
}

/* Keys are variables of a shell, so that the command line shows none:
 * $a0_enc is that with which side a encrypts what has tag 0. */
static void
put_algs(struct ds *ds, const struct tunnel *t, const struct sa *sa)
{
    enum tunnel_side from = tunnel_has_address(t, SIDE_A, &sa->src)
                            ? SIDE_A : SIDE_B;
    const struct tunnel_end *to = &t->ends[tunnel_other(from)];
    const char *side = tunnel_side_name(from);
    size_t tag = 0;

    while (tag < to->n_spis - 1 && to->spis[tag] != sa->spi) {
        tag++;
    }
    if (sa->aead.name[0]) {
        ds_put_format(ds, " aead '%s' \"$%s%"PRIuSIZE"_enc\" %u",
                      sa->aead.name, side, tag, sa->aead.icv);
    } else {
        ds_put_format(ds, " auth-trunc '%s' \"$%s%"PRIuSIZE"_auth\" %u"
                      " enc '%s' \"$%s%"PRIuSIZE"_enc\"",
                      sa->auth.name, side, tag, sa->auth.icv,
                      sa->enc.name, side, tag);
    }
}

static void
put_sa(struct ds *ds, const struct tunnel *t, const struct sa *sa)
{
    put_id(ds, sa);
    ds_put_format(ds, " reqid %"PRIu32" mode tunnel replay-window %u",
                  sa->reqid, sa->window);
    ds_put_format(ds, " flag af-unspec%s",
                  sa->flags & XFRM_STATE_ESN ? " esn" : "");
    if (sa->extra_flags & XFRM_SA_XFLAG_DONT_ENCAP_DSCP) {
        ds_put_cstr(ds, " extra-flag dont-encap-dscp");
    }
    put_mark(ds, sa->mark, sa->mark_mask);
    if (sa->if_id) {
        ds_put_format(ds, " if_id %#"PRIx32, sa->if_id);
    }
    put_algs(ds, t, sa);
    if (sa->encap) {
        ds_put_format(ds, " encap espinudp %u %u %s", sa->sport, sa->dport,
                      IN6_IS_ADDR_V4MAPPED(&sa->dst) ? "0.0.0.0" : "::");
    }
}

static void
put_policy_id(struct ds *ds, const struct policy *p)
{
    ds_put_cstr(ds, " src ");
    ipv6_format_mapped(&p->src.address, ds);
    ds_put_format(ds, "/%d dst ", p->src.plen);
    ipv6_format_mapped(&p->dst.address, ds);
    ds_put_format(ds, "/%d dir %s", p->dst.plen, policy_dir_name(p->dir));
    put_mark(ds, p->mark, p->mark_mask);
    if (p->if_id) {
        ds_put_format(ds, " if_id %#"PRIx32, p->if_id);
    }
}

static void
put_policy(struct ds *ds, const struct policy *p)
{
    put_policy_id(ds, p);
    ds_put_format(ds, " priority %"PRIu32" tmpl", p->priority);
    put_ends(ds, &p->tmpl_src, &p->tmpl_dst, p->tmpl_v4);
    ds_put_format(ds, " proto esp reqid %"PRIu32" mode tunnel",
                  p->tmpl_reqid);
}

/* Appends to 'ds' the line of ip(8) that does the same as 'step' of a plan for
 * 't'. */
void
ip_xfrm_format(const struct tunnel *t, const struct step *step, struct ds *ds)
{
    switch (step->kind) {
    case STEP_ADD_SA:
        ds_put_cstr(ds, "ip xfrm state add");
        put_sa(ds, t, &step->sa);
        break;
    case STEP_DEL_SA:
        ds_put_cstr(ds, "ip xfrm state delete");
        put_id(ds, &step->sa);
        put_mark(ds, step->sa.mark, step->sa.mark_mask);
        break;
    case STEP_ADD_POLICY:
        ds_put_cstr(ds, "ip xfrm policy add");
        put_policy(ds, &step->policy);
        break;
    case STEP_SET_POLICY:
        ds_put_cstr(ds, "ip xfrm policy update");
        put_policy(ds, &step->policy);
        break;
    case STEP_DEL_POLICY:
        ds_put_cstr(ds, "ip xfrm policy delete");
        put_policy_id(ds, &step->policy);
        break;
    case STEP_USE_KEYS:
        ds_put_cstr(ds, "# The keys are in use from here on.");
        break;
    default:
        OVS_NOT_REACHED();
    }
    ds_put_char(ds, '\n');
}
