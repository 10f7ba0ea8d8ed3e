/* A storage layer: keeps everything under a prefix of the storage below, so that two registries can share one.
 *
 * What is below has the same interface as what is exported here: its functions are called `wharf_storage_backend_…`, ours are
 * called `exports_wharf_storage_backend_…`. A layer changes keys, bytes, or both: this one changes keys only. The host reads and
 * writes through the reader and the writer, where a layer that changes bytes does its work.
 *
 * build/plugin.h is made of wit/ by `wharf plugin build`; read it for the types and the functions there are. Who owns what:
 * arguments belong to you, to free or to move into the result; what you return is freed by the generated code, so every
 * string in it comes from `plugin_string_dup` or from an argument, never from a literal. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

typedef exports_wharf_storage_backend_error_t error_t_;

struct exports_wharf_storage_backend_reader_t {
    wharf_storage_backend_own_reader_t inner;
};

struct exports_wharf_storage_backend_writer_t {
    wharf_storage_backend_own_writer_t inner;
};

/* The configured prefix; the caller frees it. */
static plugin_string_t prefix(void) {
    plugin_string_t key = {(uint8_t *)"prefix", 6}, value;
    plugin_option_string_t found;
    wasi_config_store_error_t error;
    if (!wasi_config_store_get(&key, &found, &error)) {
        wasi_config_store_error_free(&error);
    } else if (found.is_some) {
        return found.val;
    }
    plugin_string_dup(&value, "shared");
    return value;
}

/* Puts the prefix before a key. */
static void move(plugin_string_t *key) {
    plugin_string_t before = prefix();
    size_t length = before.len + 1 + key->len;
    uint8_t *moved = malloc(length);
    memcpy(moved, before.ptr, before.len);
    moved[before.len] = '/';
    memcpy(moved + before.len + 1, key->ptr, key->len);
    plugin_string_free(&before);
    plugin_string_free(key);
    key->ptr = moved;
    key->len = length;
}

/* Called once on each new instance; what is below has been started by the host. */
bool exports_wharf_storage_backend_init(exports_wharf_storage_backend_init_error_t *err) {
    plugin_string_t value = prefix();
    bool fine = value.len > 0 && value.ptr[0] != '/' && value.ptr[value.len - 1] != '/';
    plugin_string_free(&value);
    if (fine) return true;
    wharf_storage_types_config_problem_t *problem = malloc(sizeof *problem);
    plugin_string_dup(&problem->key, "prefix");
    plugin_string_dup(&problem->problem, "is empty, or begins or ends with a slash");
    err->tag = WHARF_STORAGE_TYPES_INIT_ERROR_CONFIG;
    err->val.config.ptr = problem;
    err->val.config.len = 1;
    return false;
}

bool exports_wharf_storage_backend_health(error_t_ *err) { return wharf_storage_backend_health(err); }

/* A layer tells only what it can pass on or do itself; server-side assembly is an interface that is not exported here. */
exports_wharf_storage_backend_capability_flags_t exports_wharf_storage_backend_capabilities(void) {
    return wharf_storage_backend_capabilities() & ~WHARF_STORAGE_TYPES_CAPABILITY_FLAGS_SERVER_SIDE_ASSEMBLE;
}

bool exports_wharf_storage_backend_stat(plugin_string_t *key, exports_wharf_storage_backend_object_meta_t *ret, error_t_ *err) {
    move(key);
    bool ok = wharf_storage_backend_stat(key, ret, err);
    plugin_string_free(key);
    return ok;
}

bool exports_wharf_storage_backend_read(plugin_string_t *key, exports_wharf_storage_backend_byte_range_t *range,
                                        exports_wharf_storage_backend_opened_t *ret, error_t_ *err) {
    wharf_storage_backend_opened_t opened;
    move(key);
    bool ok = wharf_storage_backend_read(key, range, &opened, err);
    plugin_string_free(key);
    if (!ok) return false;
    exports_wharf_storage_backend_reader_t *reader = malloc(sizeof *reader);
    reader->inner = opened.body;
    ret->meta = opened.meta;
    ret->body = exports_wharf_storage_backend_reader_new(reader);
    return true;
}

bool exports_wharf_storage_backend_method_reader_read(exports_wharf_storage_backend_borrow_reader_t self,
                                                      uint32_t bytes_max, plugin_list_u8_t *ret, error_t_ *err) {
    return wharf_storage_backend_method_reader_read(wharf_storage_backend_borrow_reader(self->inner), bytes_max, ret, err);
}

void exports_wharf_storage_backend_reader_destructor(exports_wharf_storage_backend_reader_t *self) {
    wharf_storage_backend_reader_drop_own(self->inner);
    free(self);
}

bool exports_wharf_storage_backend_write(plugin_string_t *key, exports_wharf_storage_backend_write_options_t *options,
                                         exports_wharf_storage_backend_own_writer_t *ret, error_t_ *err) {
    wharf_storage_backend_own_writer_t inner;
    move(key);
    bool ok = wharf_storage_backend_write(key, options, &inner, err);
    plugin_string_free(key);
    if (!ok) return false;
    exports_wharf_storage_backend_writer_t *writer = malloc(sizeof *writer);
    writer->inner = inner;
    *ret = exports_wharf_storage_backend_writer_new(writer);
    return true;
}

bool exports_wharf_storage_backend_method_writer_write(exports_wharf_storage_backend_borrow_writer_t self,
                                                       plugin_list_u8_t *chunk, error_t_ *err) {
    bool ok = wharf_storage_backend_method_writer_write(wharf_storage_backend_borrow_writer(self->inner), chunk, err);
    plugin_list_u8_free(chunk);
    return ok;
}

bool exports_wharf_storage_backend_method_writer_finish(exports_wharf_storage_backend_borrow_writer_t self,
                                                        uint64_t *ret, error_t_ *err) {
    return wharf_storage_backend_method_writer_finish(wharf_storage_backend_borrow_writer(self->inner), ret, err);
}

void exports_wharf_storage_backend_writer_destructor(exports_wharf_storage_backend_writer_t *self) {
    wharf_storage_backend_writer_drop_own(self->inner);
    free(self);
}

bool exports_wharf_storage_backend_delete(exports_wharf_storage_backend_list_key_t *keys, error_t_ *err) {
    for (size_t i = 0; i < keys->len; i++) move(&keys->ptr[i]);
    wharf_storage_backend_list_key_t list = {keys->ptr, keys->len};
    bool ok = wharf_storage_backend_delete(&list, err);
    exports_wharf_storage_backend_list_key_free(keys);
    return ok;
}

/* What a listing shows is relative to its prefix, so only that is moved. */
bool exports_wharf_storage_backend_list(exports_wharf_storage_backend_list_request_t *request,
                                        exports_wharf_storage_backend_list_page_t *ret, error_t_ *err) {
    move(&request->prefix);
    bool ok = wharf_storage_backend_list(request, ret, err);
    exports_wharf_storage_backend_list_request_free(request);
    return ok;
}
