/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* REMOTE_IF, the interface by which a client's connection came in, for
 * Apache's httpd.  Its definition is in remote-if.h.
 *
 * The name is taken once, when the connection begins.  So all requests on a
 * connection are one tenant's, whatever becomes of the interface, and what a
 * proxy in between says about its client (mod_remoteip) has no part in it. */

#include "remote-if.h"

#include <string.h>

#include "httpd.h"
#include "ap_expr.h"
#include "apr_portable.h"
#include "apr_strings.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_vhost.h"
#include "util_cfgtree.h"

#define VARIABLE "REMOTE_IF"

AP_DECLARE_MODULE(remote_if);

struct server_config {
    ap_expr_info_t *document_root;      /* RemoteIfDocumentRoot, or null. */
};

/* Returns the name of the interface of 'c', which is empty if it has none. */
static const char *
remote_if(const conn_rec *c)
{
    /* HTTP/2 runs each request on a connection of its own. */
    const conn_rec *real = c->master ? c->master : c;
    const char *name = ap_get_module_config(real->conn_config,
                                            &remote_if_module);

    return name ? name : "";
}

/* Finds the virtual host of 'c' again, for its local address without the scope
 * id, if its address with the scope id is no virtual host's.
 *
 * To httpd, fe80::1%eth0 is not the address of <VirtualHost [fe80::1]>.  So it
 * would want a virtual host for each interface, of which all have to be there
 * when it starts. */
static void
find_virtual_host(conn_rec *c)
{
    apr_sockaddr_t *real = c->local_addr, any = *real;
    server_rec *server = c->base_server;
    void *names = c->vhost_lookup_data;

    /* What it finds for an address that is nobody's. */
    any.ipaddr_ptr = &any.sa.sin6.sin6_addr;
    any.next = NULL;
    any.sa.sin6.sin6_scope_id = 0;
    any.sa.sin6.sin6_addr = in6addr_any;
    c->local_addr = &any;
    ap_update_vhost_given_ip(c);
    if (c->base_server == server && c->vhost_lookup_data == names) {
        any.sa.sin6.sin6_addr = real->sa.sin6.sin6_addr;
        ap_update_vhost_given_ip(c);
    } else {
        c->base_server = server;
        c->vhost_lookup_data = names;
    }
    c->local_addr = real;
}

/* Finds the interface of a new connection.  One whose interface is gone, so
 * that nothing can be sent to its client anyway, is not served: whose it was
 * cannot be said any more. */
static int
remember_interface(conn_rec *c, void *csd)
{
    char name[IFNAMSIZ];
    apr_os_sock_t fd;
    int index, error;

    if (c->master || c->outgoing
        || apr_os_sock_get(&fd, csd) != APR_SUCCESS) {
        return DECLINED;
    }
    error = remote_if_get(fd, &c->client_addr->sa.sin6, &index, name);
    if (error) {
        ap_log_cerror(APLOG_MARK, APLOG_WARNING, error, c,
                      "connection closed: its interface (index %d) is gone",
                      index);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!index) {
        return DECLINED;
    }
    ap_set_module_config(c->conn_config, &remote_if_module,
                         apr_pstrdup(c->pool, name));
    if (c->local_addr->sa.sin6.sin6_scope_id) {
        find_virtual_host(c);
    }
    return DECLINED;
}

/* Expressions. */

static const char *
expr_value(ap_expr_eval_ctx_t *ctx, const void *data)
{
    return ctx->c ? remote_if(ctx->c) : "";
}

static int
expr_lookup(ap_expr_lookup_parms *parms)
{
    if (parms->type != AP_EXPR_FUNC_VAR
        || ap_cstr_casecmp(parms->name, VARIABLE)) {
        return DECLINED;
    }
    *parms->func = expr_value;
    *parms->data = NULL;
    return OK;
}

/* The environment: CGI, logs, %{ENV:REMOTE_IF} and the like. */

/* Sets the variable, to nothing if there is no interface: who asks for a
 * variable that is not set may get one of the server's own environment. */
static int
set_environment(request_rec *r)
{
    apr_table_setn(r->subprocess_env, VARIABLE, remote_if(r->connection));
    return DECLINED;
}

/* In a log, a variable that is not set is a "-" and not an empty column. */
static int
set_environment_of_log(request_rec *r)
{
    if (*remote_if(r->connection)) {
        set_environment(r);
    } else {
        apr_table_unset(r->subprocess_env, VARIABLE);
    }
    return DECLINED;
}

/* mod_rewrite has its own list of variables, which no module can add to, and
 * takes those that it does not know for empty.  It does know environment
 * variables.  So that %{REMOTE_IF} can be written, the configuration that was
 * read is changed before it is used. */

#define REWRITE_NAME "%{" VARIABLE "}"
#define REWRITE_ENV "%{ENV:" VARIABLE "}"

/* Returns 'args' with REWRITE_NAME replaced by REWRITE_ENV. */
static const char *
rewrite_names(apr_pool_t *pool, const char *args)
{
    const char *result = "", *hit;

    while ((hit = ap_strcasestr(args, REWRITE_NAME))) {
        result = apr_pstrcat(pool, result,
                             apr_pstrmemdup(pool, args, hit - args),
                             REWRITE_ENV, NULL);
        args = hit + strlen(REWRITE_NAME);
    }
    return apr_pstrcat(pool, result, args, NULL);
}

static void
rewrite_tree(apr_pool_t *pool, ap_directive_t *d)
{
    for (; d; d = d->next) {
        if (!strcasecmp(d->directive, "RewriteCond")
            || !strcasecmp(d->directive, "RewriteRule")) {
            d->args = rewrite_names(pool, d->args);
        }
        rewrite_tree(pool, d->first_child);
    }
}

static int
rewrite_configuration(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    rewrite_tree(pconf, ap_conftree);
    return OK;
}

/* RemoteIfDocumentRoot. */

static void *
create_server_config(apr_pool_t *pool, server_rec *s)
{
    return apr_pcalloc(pool, sizeof(struct server_config));
}

static void *
merge_server_config(apr_pool_t *pool, void *base, void *new)
{
    return ((struct server_config *) new)->document_root ? new : base;
}

static const char *
set_document_root(cmd_parms *cmd, void *unused, const char *arg)
{
    struct server_config *config = ap_get_module_config(
        cmd->server->module_config, &remote_if_module);
    const char *error = NULL;

    config->document_root = ap_expr_parse_cmd(
        cmd, arg, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);
    return error ? apr_pstrcat(cmd->pool, "RemoteIfDocumentRoot: ", error,
                               NULL) : NULL;
}

static int
choose_document_root(request_rec *r)
{
    const struct server_config *config = ap_get_module_config(
        r->server->module_config, &remote_if_module);
    const char *root, *error = NULL;

    if (!config->document_root) {
        return DECLINED;
    }
    if (!*remote_if(r->connection)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "RemoteIfDocumentRoot: connection without an interface");
        return HTTP_FORBIDDEN;
    }
    root = ap_expr_str_exec(r, config->document_root, &error);
    if (error || !root) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "RemoteIfDocumentRoot: %s", error ? error : "no path");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_set_document_root(r, root);
    return DECLINED;
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("RemoteIfDocumentRoot", set_document_root, NULL, RSRC_CONF,
                  "an expression that gives the path of the documents, "
                  "such as /srv/%{REMOTE_IF}"),
    { NULL }
};

static void
register_hooks(apr_pool_t *pool)
{
    static const char *const mappers[] = {
        "mod_alias.c", "mod_rewrite.c", "mod_vhost_alias.c", NULL
    };

    ap_hook_pre_config(rewrite_configuration, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_expr_lookup(expr_lookup, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_connection(remember_interface, NULL, NULL, APR_HOOK_FIRST);

    ap_hook_post_read_request(set_environment, NULL, NULL,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(choose_document_root, NULL, mappers,
                           APR_HOOK_REALLY_FIRST);
    /* After everyone who might set the variable. */
    ap_hook_fixups(set_environment, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_log_transaction(set_environment_of_log, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
}

module AP_MODULE_DECLARE_DATA remote_if_module = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    create_server_config,
    merge_server_config,
    commands,
    register_hooks,
};
