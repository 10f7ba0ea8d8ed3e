/* An auth provider: decides about every request that reaches the registry.
 *
 * It finds its users in its configuration under `users`, a line `NAME:PASSWORD` for each (the operator grants it as a
 * secret), and lets anybody pull when `anonymous-pull` is `true`. Replace `who_is` by what you need.
 *
 * build/plugin.h is made of wit/ by `wharf plugin build`; read it for the types and the functions there are. Who owns what:
 * arguments belong to you, to free or to move into the result; what you return is freed by the generated code, so every
 * string in it comes from `plugin_string_dup` or from an argument, never from a literal. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

typedef exports_wharf_auth_provider_decision_t decision_t;
typedef exports_wharf_auth_provider_request_context_t context_t;
typedef exports_wharf_auth_provider_list_access_t access_list_t;

/* A value of the plugin's configuration; the caller frees it. */
static bool setting(const char *name, plugin_string_t *value) {
    plugin_string_t key = {(uint8_t *)name, strlen(name)};
    plugin_option_string_t found;
    wasi_config_store_error_t error;
    if (!wasi_config_store_get(&key, &found, &error)) {
        wasi_config_store_error_free(&error);
        return false;
    }
    if (found.is_some) *value = found.val;
    return found.is_some;
}

static bool is(const plugin_string_t *text, const char *other) {
    return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}

static bool is_set(const char *name) {
    plugin_string_t value;
    if (!setting(name, &value)) return false;
    bool set = is(&value, "true");
    plugin_string_free(&value);
    return set;
}

/* Compares in a time that does not depend on where the two differ. */
static bool equal(const plugin_string_t *given, const plugin_string_t *expected) {
    volatile size_t different = given->len ^ expected->len;
    for (size_t i = 0; i < expected->len; i++) {
        uint8_t other = given->len ? given->ptr[i % given->len] : 0;
        different |= other ^ expected->ptr[i];
    }
    return different == 0;
}

/* Whether these credentials belong to a user. */
static bool who_is(const wharf_auth_types_credentials_t *credentials) {
    if (credentials->tag != WHARF_AUTH_TYPES_CREDENTIALS_BASIC) return false;
    const wharf_auth_types_basic_t *basic = &credentials->val.basic;
    plugin_string_t users;
    if (!setting("users", &users)) return false;
    /* The comparison runs for users who do not exist as well, so that time does not tell who does. */
    plugin_string_t expected = {(uint8_t *)"nobody has this password", 24};
    bool known = false;
    size_t name = basic->username.len;
    for (uint8_t *line = users.ptr, *all = users.ptr + users.len; line < all;) {
        uint8_t *end = memchr(line, '\n', all - line);
        if (!end) end = all;
        if ((size_t)(end - line) > name && line[name] == ':' && memcmp(line, basic->username.ptr, name) == 0) {
            expected.ptr = line + name + 1;
            expected.len = end - expected.ptr;
            known = true;
        }
        line = end + 1;
    }
    bool same = equal(&basic->password, &expected);
    plugin_string_free(&users);
    return known && same;
}

/* Called once on each new instance. Check the configuration here, all keys at once, and keep it cheap. */
bool exports_wharf_auth_provider_init(exports_wharf_auth_provider_init_error_t *err) {
    wharf_auth_types_config_problem_t *problems = calloc(2, sizeof *problems);
    size_t count = 0;
    plugin_string_t value;
    if (setting("users", &value)) {
        plugin_string_free(&value);
    } else {
        plugin_string_dup(&problems[count].key, "users");
        plugin_string_dup(&problems[count++].problem, "is missing: grant it as a secret that has a line NAME:PASSWORD for each user");
    }
    if (setting("anonymous-pull", &value)) {
        if (!is(&value, "true") && !is(&value, "false")) {
            plugin_string_dup(&problems[count].key, "anonymous-pull");
            plugin_string_dup(&problems[count++].problem, "is neither true nor false");
        }
        plugin_string_free(&value);
    }
    if (count == 0) {
        free(problems);
        return true;
    }
    err->tag = WHARF_AUTH_TYPES_INIT_ERROR_CONFIG;
    err->val.config.ptr = problems;
    err->val.config.len = count;
    return false;
}

/* Asked before this component takes over from another one, and by the health checks. */
bool exports_wharf_auth_provider_health(exports_wharf_auth_provider_error_t *err) {
    (void)err;
    return true;
}

/* Grants what was wanted, and takes `wanted` and `name`. The host may answer the same credentials from this for a minute. */
static void grant(decision_t *decision, plugin_string_t name, access_list_t *wanted) {
    memset(decision, 0, sizeof *decision);
    decision->tag = WHARF_AUTH_TYPES_DECISION_GRANTED;
    wharf_auth_types_grant_t *granted = &decision->val.granted;
    granted->identity.name = name;
    granted->access.ptr = wanted->ptr;
    granted->access.len = wanted->len;
    wanted->ptr = NULL;
    wanted->len = 0;
    granted->time_to_live_ms.is_some = true;
    granted->time_to_live_ms.val = 60000;
}

static void challenge(decision_t *decision) {
    memset(decision, 0, sizeof *decision);
    decision->tag = WHARF_AUTH_TYPES_DECISION_CHALLENGE;
    plugin_string_dup(&decision->val.challenge.www_authenticate, "Basic realm=\"{{name}}\"");
    plugin_string_dup(&decision->val.challenge.reason, "these credentials are not enough");
}

/* `context->credentials` says who comes, `wanted` lists what they are about to do; an empty list is a login. */
bool exports_wharf_auth_provider_authorize(context_t *context, access_list_t *wanted, decision_t *ret,
                                           exports_wharf_auth_provider_error_t *err) {
    (void)err; /* For `return false`: set its tag and its text, when the provider can't decide. */
    bool pulls_only = wanted->len > 0;
    for (size_t i = 0; i < wanted->len; i++) {
        if (wanted->ptr[i].action != WHARF_AUTH_TYPES_ACTION_PULL) pulls_only = false;
    }
    /* Wrong credentials are refused, never treated as none. */
    bool anonymous = context->credentials.tag == WHARF_AUTH_TYPES_CREDENTIALS_ANONYMOUS;
    if (who_is(&context->credentials)) {
        plugin_string_t *name = &context->credentials.val.basic.username;
        grant(ret, *name, wanted);
        name->ptr = NULL;
        name->len = 0;
    } else if (anonymous && pulls_only && is_set("anonymous-pull")) {
        plugin_string_t nobody = {NULL, 0};
        grant(ret, nobody, wanted);
    } else {
        if (!anonymous) {
            plugin_string_t part, message;
            plugin_string_dup(&part, "{{name}}");
            plugin_string_dup(&message, "refused the credentials of a request");
            wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_WARN, &part, &message);
            plugin_string_free(&part);
            plugin_string_free(&message);
        }
        challenge(ret);
    }
    exports_wharf_auth_provider_request_context_free(context);
    exports_wharf_auth_provider_list_access_free(wanted);
    return true;
}
