/* A notification hook: is told what happens in the registry, and can tell others.
 *
 * It writes a line to the server's log for every push and every delete, of repositories that begin with `repositories` if that
 * is configured. Replace `tell` by what you need.
 *
 * build/plugin.h is made of wit/ by `wharf plugin build`; read it for the types and the functions there are. Who owns what:
 * arguments belong to you, to free or to move into the result; what you return is freed by the generated code, so every
 * string in it comes from `plugin_string_dup` or from an argument, never from a literal. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

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

/* Called once on each new instance. Check the configuration here, all keys at once. */
bool exports_wharf_notify_hook_init(exports_wharf_notify_hook_init_error_t *err) {
    plugin_string_t value;
    if (!setting("repositories", &value)) return true;
    bool fine = value.len > 0;
    plugin_string_free(&value);
    if (fine) return true;
    wharf_notify_types_config_problem_t *problem = malloc(sizeof *problem);
    plugin_string_dup(&problem->key, "repositories");
    plugin_string_dup(&problem->problem, "is empty; leave it out to hear of every repository");
    err->tag = WHARF_NOTIFY_TYPES_INIT_ERROR_CONFIG;
    err->val.config.ptr = problem;
    err->val.config.len = 1;
    return false;
}

/* Asked before this component takes over from another one, and by the health checks. */
bool exports_wharf_notify_hook_health(exports_wharf_notify_hook_error_t *err) {
    (void)err;
    return true;
}

/* What this hook wants to hear of. */
void exports_wharf_notify_hook_subscriptions(exports_wharf_notify_hook_subscription_t *ret) {
    ret->actions = WHARF_NOTIFY_TYPES_ACTIONS_PUSH | WHARF_NOTIFY_TYPES_ACTIONS_DELETE;
    ret->levels = 0;
    ret->server = false;
}

static void tell(const wharf_notify_types_registry_event_t *happened) {
    static const char *const actions[] = {"push", "pull", "mount", "delete"};
    const wharf_notify_types_target_t *target = &happened->target;
    plugin_string_t nothing = {(uint8_t *)"", 0}, somebody = {(uint8_t *)"somebody", 8};
    plugin_string_t who = happened->actor.is_some ? happened->actor.val : somebody;
    plugin_string_t tag = target->tag.is_some ? target->tag.val : nothing;
    plugin_string_t digest = target->content.is_some ? target->content.val.digest : nothing;
    char line[1024];
    int length = snprintf(line, sizeof line, "%.*s: %s %.*s%s%.*s %.*s", (int)who.len, (char *)who.ptr,
                          actions[happened->action], (int)target->repository.len, (char *)target->repository.ptr,
                          tag.len ? ":" : "", (int)tag.len, (char *)tag.ptr, (int)digest.len, (char *)digest.ptr);
    plugin_string_t part = {(uint8_t *)"{{name}}", strlen("{{name}}")};
    plugin_string_t message = {(uint8_t *)line, length < (int)sizeof line ? (size_t)length : sizeof line - 1};
    wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_INFO, &part, &message);
}

/* From 1 to 100 events; one outcome per event, in the same order. */
void exports_wharf_notify_hook_handle(exports_wharf_notify_hook_list_event_t *events,
                                      exports_wharf_notify_hook_list_outcome_t *ret) {
    plugin_string_t prefix = {NULL, 0};
    setting("repositories", &prefix);
    ret->len = events->len;
    ret->ptr = calloc(events->len, sizeof *ret->ptr);
    for (size_t i = 0; i < events->len; i++) {
        const wharf_notify_types_subject_t *subject = &events->ptr[i].subject;
        if (subject->tag == WHARF_NOTIFY_TYPES_SUBJECT_REGISTRY) {
            const plugin_string_t *repository = &subject->val.registry.target.repository;
            if (repository->len >= prefix.len && memcmp(repository->ptr, prefix.ptr, prefix.len) == 0)
                tell(&subject->val.registry);
        }
        /* Also for what later versions may tell. */
        ret->ptr[i].tag = WHARF_NOTIFY_TYPES_OUTCOME_DONE;
    }
    plugin_string_free(&prefix);
    exports_wharf_notify_hook_list_event_free(events);
}
