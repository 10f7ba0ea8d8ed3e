/* Listings in key order, a page at a time. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage.h"

/* A list of names that grows. */
typedef struct {
    char **names;
    size_t count, room;
} names_t;

static void add(names_t *list, char *name) {
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->names = realloc(list->names, list->room * sizeof *list->names);
    }
    list->names[list->count++] = name;
}

static void clear(names_t *list) {
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
    memset(list, 0, sizeof *list);
}

static int in_key_order(const void *one, const void *other) { return strcmp(*(char **)one, *(char **)other); }

static bool begins_with(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool ends_with_slash(const char *text) { return *text && text[strlen(text) - 1] == '/'; }

/* `above` and `name` with something between them and something behind. */
static char *joined(const char *above, const char *between, const char *name, const char *behind) {
    char *all = malloc(strlen(above) + strlen(between) + strlen(name) + strlen(behind) + 1);
    sprintf(all, "%s%s%s%s", above, between, name, behind);
    return all;
}

/* The names directly in a folder, of objects as `name` and of deeper prefixes as `name/`: with the slash they sort as the keys
 * do. No names if there is no such folder. */
static int names_in(const char *folder, const char *prefix, names_t *list) {
    DIR *opened = opendir(folder);
    if (!opened) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    struct dirent *entry;
    while ((entry = readdir(opened))) {
        size_t length = strlen(entry->d_name);
        const char *ending = length > 2 ? entry->d_name + length - 2 : "";
        bool is_object = strcmp(ending, ".o") == 0;
        if (!is_object && strcmp(ending, ".d") != 0) continue;
        char *name = joined(prefix, "", entry->d_name, "");
        strcpy(name + strlen(name) - 2, is_object ? "" : "/");
        add(list, name);
    }
    closedir(opened);
    qsort(list->names, list->count, sizeof *list->names, in_key_order);
    return 0;
}

/* Gathers up to `wanted` names of objects after `after`. `prefix` is empty or ends with a slash, and `folder` is its folder. */
static int gather(const char *folder, const char *prefix, const char *after, size_t wanted, names_t *found) {
    names_t here = {0};
    int code = names_in(folder, prefix, &here);
    for (size_t i = 0; code == 0 && i < here.count && found->count < wanted; i++) {
        char *name = here.names[i];
        bool later = strcmp(name, after) > 0;
        if (!ends_with_slash(name)) {
            if (later) add(found, strdup(name));
        } else if (later || begins_with(after, name)) {
            char *child = strdup(name + strlen(prefix));
            child[strlen(child) - 1] = 0;
            char *deeper = joined(folder, "/", child, ".d");
            code = gather(deeper, name, after, wanted, found);
            free(deeper);
            free(child);
        }
    }
    clear(&here);
    return code;
}

/* Fills a page with what is known of the first `count` names; what was deleted meanwhile is left out. */
static int fill(const char *folder, const names_t *found, size_t count, exports_wharf_storage_backend_list_page_t *page) {
    page->entries.ptr = calloc(count ? count : 1, sizeof *page->entries.ptr);
    page->entries.len = 0;
    for (size_t i = 0; i < count; i++) {
        /* The folder's own slashes stand for themselves; those of the name are between components. */
        char *rest = path_of(found->names[i], strlen(found->names[i]), ".o");
        char *path = joined(folder, "/", rest + strlen(OBJECTS) + 1, "");
        struct stat status;
        int code = stat(path, &status) == 0 ? 0 : errno;
        free(path);
        free(rest);
        if (code == ENOENT || code == ENOTDIR) continue;
        if (code != 0) return code;
        wharf_storage_types_list_entry_t *entry = &page->entries.ptr[page->entries.len++];
        plugin_string_dup(&entry->name, found->names[i]);
        entry->object.is_some = true;
        meta_of(&status, &entry->object.val);
    }
    return 0;
}

/* One page of every object beneath the prefix. (`children` is asked only of backends that tell `list-children`.) */
bool exports_wharf_storage_backend_list(exports_wharf_storage_backend_list_request_t *request,
                                        exports_wharf_storage_backend_list_page_t *ret, error_t_ *err) {
    char *folder = path_of((const char *)request->prefix.ptr, request->prefix.len, ".d");
    char *after = request->after.is_some ? strndup((const char *)request->after.val.ptr, request->after.val.len) : strdup("");
    size_t limit = request->limit;
    int code;
    for (;;) {
        /* One more than a page has room for tells whether there is more. */
        names_t found = {0};
        code = gather(folder, "", after, limit + 1, &found);
        ret->more = found.count > limit;
        size_t count = ret->more ? limit : found.count;
        ret->entries.ptr = NULL;
        if (code == 0) code = fill(folder, &found, count, ret);
        bool done = code != 0 || ret->entries.len > 0 || !ret->more;
        if (!done) {
            /* All of a page was deleted meanwhile, and an empty page would mean the end. */
            free(after);
            after = strdup(found.names[count - 1]);
        }
        clear(&found);
        if (done) break;
        free(ret->entries.ptr);
    }
    free(folder);
    free(after);
    exports_wharf_storage_backend_list_request_free(request);
    if (code != 0) exports_wharf_storage_backend_list_page_free(ret);
    return code == 0 || failed(code, err);
}
