/* A storage backend: keeps the registry's objects as files in the directory that the operator grants under `/data`, and reads and
 * writes small ones in one call. See README.md.
 *
 * Object `a/b` is the file `objects/a.d/b.o`: keys are flat, so there may be objects `a` and `a/b` at the same time, and a file
 * system can't have a file and a directory of one name. Objects are written under `new/` and renamed when they are finished, so
 * that nobody ever sees half of one.
 *
 * build/plugin.h is made of wit/ by `wharf plugin build`; read it for the types and the functions there are. Who owns what:
 * arguments belong to you, to free or to move into the result; what you return is freed by the generated code, so every
 * string in it comes from `plugin_string_dup` or from an argument, never from a literal. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage.h"

#define STAGING DIRECTORY "/new"

/* An object that is being read. The file stays open, so it is the same object to the end, whatever happens to its key. */
struct exports_wharf_storage_backend_reader_t {
    int file;
    uint64_t at, end;
};

/* An object that is being written, under a name that nobody else knows. */
struct exports_wharf_storage_backend_writer_t {
    int file;
    char *staged, *place;
    uint64_t size;
    bool volatile_, finished;
};

/* The storage error that an error of the file system is. Always false, to be returned. */
bool failed(int code, error_t_ *err) {
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        err->tag = WHARF_STORAGE_TYPES_ERROR_NOT_FOUND;
        break;
    case ENOSPC:
    case EDQUOT:
        err->tag = WHARF_STORAGE_TYPES_ERROR_NO_SPACE;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        err->tag = WHARF_STORAGE_TYPES_ERROR_PERMISSION_DENIED;
        plugin_string_dup(&err->val.permission_denied, strerror(code));
        break;
    default:
        err->tag = WHARF_STORAGE_TYPES_ERROR_OTHER;
        plugin_string_dup(&err->val.other, strerror(code));
    }
    return false;
}

char *path_of(const char *key, size_t length, const char *ending) {
    char *path = malloc(sizeof OBJECTS + 1 + 3 * length + strlen(ending)), *end = path;
    end += sprintf(end, "%s/", OBJECTS);
    for (size_t i = 0; i < length; i++) {
        if (key[i] == '/') end += sprintf(end, ".d");
        *end++ = key[i];
    }
    strcpy(end, ending);
    return path;
}

static char *place_of(const plugin_string_t *key) { return path_of((const char *)key->ptr, key->len, ".o"); }

void meta_of(const struct stat *found, meta_t *meta) {
    meta->size_bytes = found->st_size;
    meta->modified_ms.is_some = true;
    meta->modified_ms.val = (uint64_t)found->st_mtim.tv_sec * 1000 + found->st_mtim.tv_nsec / 1000000;
}

/* Called once on each new instance. Check the configuration here, and keep it cheap. */
bool exports_wharf_storage_backend_init(exports_wharf_storage_backend_init_error_t *err) {
    static const char *const folders[] = {OBJECTS, STAGING};
    for (int i = 0; i < 2; i++) {
        if (mkdir(folders[i], 0777) == 0 || errno == EEXIST) continue;
        char text[200];
        snprintf(text, sizeof text, "%s: %s: grant a directory with guest = \"%s\" and write = true", folders[i],
                 strerror(errno), DIRECTORY);
        err->tag = WHARF_STORAGE_TYPES_INIT_ERROR_OTHER;
        plugin_string_dup(&err->val.other, text);
        return false;
    }
    return true;
}

/* Asked before this component takes over from another one, and by the health checks. */
bool exports_wharf_storage_backend_health(error_t_ *err) {
    struct stat found;
    return stat(OBJECTS, &found) == 0 || failed(errno, err);
}

/* What goes beyond the minimum: nothing. */
exports_wharf_storage_backend_capability_flags_t exports_wharf_storage_backend_capabilities(void) { return 0; }

bool exports_wharf_storage_backend_stat(plugin_string_t *key, meta_t *ret, error_t_ *err) {
    char *place = place_of(key);
    struct stat found;
    bool ok = stat(place, &found) == 0 || failed(errno, err);
    if (ok) meta_of(&found, ret);
    free(place);
    plugin_string_free(key);
    return ok;
}

bool exports_wharf_storage_backend_read(plugin_string_t *key, exports_wharf_storage_backend_byte_range_t *range,
                                        exports_wharf_storage_backend_opened_t *ret, error_t_ *err) {
    char *place = place_of(key);
    int file = open(place, O_RDONLY);
    free(place);
    plugin_string_free(key);
    struct stat found;
    if (file < 0) return failed(errno, err);
    if (fstat(file, &found) != 0) {
        failed(errno, err);
        close(file);
        return false;
    }
    uint64_t size = found.st_size, from = range->offset_bytes;
    if (from > size) {
        close(file);
        err->tag = WHARF_STORAGE_TYPES_ERROR_RANGE_NOT_SATISFIABLE;
        return false;
    }
    /* A range that reaches behind the end is cut there. */
    uint64_t end = size;
    if (range->length_bytes.is_some && range->length_bytes.val < size - from) end = from + range->length_bytes.val;
    exports_wharf_storage_backend_reader_t *reader = malloc(sizeof *reader);
    *reader = (exports_wharf_storage_backend_reader_t){file, from, end};
    meta_of(&found, &ret->meta);
    ret->body = exports_wharf_storage_backend_reader_new(reader);
    return true;
}

bool exports_wharf_storage_backend_method_reader_read(exports_wharf_storage_backend_borrow_reader_t self,
                                                      uint32_t bytes_max, plugin_list_u8_t *ret, error_t_ *err) {
    uint64_t left = self->end - self->at;
    size_t wanted = left < bytes_max ? (size_t)left : bytes_max;
    ret->ptr = NULL;
    ret->len = 0;
    if (wanted == 0) return true;
    uint8_t *buffer = malloc(wanted);
    ssize_t count = pread(self->file, buffer, wanted, self->at);
    if (count <= 0) {
        free(buffer);
        if (count < 0) return failed(errno, err);
        err->tag = WHARF_STORAGE_TYPES_ERROR_CORRUPT;
        plugin_string_dup(&err->val.corrupt, "the file is shorter than it was");
        return false;
    }
    self->at += count;
    ret->ptr = buffer;
    ret->len = count;
    return true;
}

void exports_wharf_storage_backend_reader_destructor(exports_wharf_storage_backend_reader_t *self) {
    close(self->file);
    free(self);
}

bool exports_wharf_storage_backend_write(plugin_string_t *key, exports_wharf_storage_backend_write_options_t *options,
                                         exports_wharf_storage_backend_own_writer_t *ret, error_t_ *err) {
    char *place = place_of(key);
    plugin_string_free(key);
    /* The host sets these only when `capabilities` tells that they work. */
    if (options->if_absent || options->append_at_bytes.is_some) {
        free(place);
        err->tag = WHARF_STORAGE_TYPES_ERROR_UNSUPPORTED;
        return false;
    }
    uint64_t random[2];
    char staged[sizeof STAGING + 40];
    getentropy(random, sizeof random);
    snprintf(staged, sizeof staged, "%s/%016llx%016llx", STAGING, (unsigned long long)random[0], (unsigned long long)random[1]);
    int file = open(staged, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file < 0) {
        free(place);
        return failed(errno, err);
    }
    exports_wharf_storage_backend_writer_t *writer = calloc(1, sizeof *writer);
    writer->file = file;
    writer->staged = strdup(staged);
    writer->place = place;
    writer->volatile_ = options->volatile_;
    *ret = exports_wharf_storage_backend_writer_new(writer);
    return true;
}

bool exports_wharf_storage_backend_method_writer_write(exports_wharf_storage_backend_borrow_writer_t self,
                                                       plugin_list_u8_t *chunk, error_t_ *err) {
    size_t written = 0;
    bool ok = true;
    while (ok && written < chunk->len) {
        ssize_t count = write(self->file, chunk->ptr + written, chunk->len - written);
        ok = count >= 0 || failed(errno, err);
        if (ok) written += count;
    }
    self->size += written;
    plugin_list_u8_free(chunk);
    return ok;
}

/* Makes the folders that a path needs. One that somebody removes meanwhile is noticed by the rename. */
static void make_folders(char *path) {
    for (char *slash = path + strlen(OBJECTS) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
}

/* A name is durable when the folder that holds it is. The C library speaks WASI 0.1, where a folder can't be synced, so this asks
 * WASI 0.2 itself. Returns 0, or the code of what failed. */
static int sync_folders(const char *place) {
    wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t granted;
    wasi_filesystem_preopens_get_directories(&granted);
    char *folder = strdup(place), *slash;
    int code = 0;
    while (code == 0 && (slash = strrchr(folder, '/')) && slash > folder + strlen(DIRECTORY)) {
        *slash = 0;
        plugin_string_t path = {(uint8_t *)folder + sizeof DIRECTORY, strlen(folder) - sizeof DIRECTORY};
        for (size_t i = 0; i < granted.len; i++) {
            const plugin_string_t *name = &granted.ptr[i].f1;
            if (name->len != strlen(DIRECTORY) || memcmp(name->ptr, DIRECTORY, name->len) != 0) continue;
            wasi_filesystem_types_own_descriptor_t opened;
            wasi_filesystem_types_error_code_t failure;
            if (wasi_filesystem_types_method_descriptor_open_at(
                    wasi_filesystem_types_borrow_descriptor(granted.ptr[i].f0), 0, &path,
                    WASI_FILESYSTEM_TYPES_OPEN_FLAGS_DIRECTORY, WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_READ, &opened, &failure)) {
                if (!wasi_filesystem_types_method_descriptor_sync(wasi_filesystem_types_borrow_descriptor(opened), &failure)) code = EIO;
                wasi_filesystem_types_descriptor_drop_own(opened);
            } else if (failure != WASI_FILESYSTEM_TYPES_ERROR_CODE_NO_ENTRY) {
                code = EIO;
            }
        }
    }
    free(folder);
    wasi_filesystem_preopens_list_tuple2_own_descriptor_string_free(&granted);
    return code;
}

bool exports_wharf_storage_backend_method_writer_finish(exports_wharf_storage_backend_borrow_writer_t self,
                                                        uint64_t *ret, error_t_ *err) {
    if (!self->volatile_ && fsync(self->file) != 0) return failed(errno, err);
    /* Somebody who deletes the last object in a folder removes the folder; then it is made once more. */
    for (int attempts = 0; attempts < 100; attempts++) {
        make_folders(self->place);
        if (rename(self->staged, self->place) == 0) {
            self->finished = true;
            int code = self->volatile_ ? 0 : sync_folders(self->place);
            *ret = self->size;
            return code == 0 || failed(code, err);
        }
        if (errno != ENOENT) return failed(errno, err);
    }
    err->tag = WHARF_STORAGE_TYPES_ERROR_CONFLICT;
    return false;
}

/* Called when the host drops it: nothing of an unfinished object may stay. */
void exports_wharf_storage_backend_writer_destructor(exports_wharf_storage_backend_writer_t *self) {
    close(self->file);
    if (!self->finished) unlink(self->staged);
    free(self->staged);
    free(self->place);
    free(self);
}

bool exports_wharf_storage_backend_delete(exports_wharf_storage_backend_list_key_t *keys, error_t_ *err) {
    bool ok = true;
    for (size_t i = 0; ok && i < keys->len; i++) {
        char *path = place_of(&keys->ptr[i]), *slash;
        if (unlink(path) == 0) {
            /* Folders that hold nothing more only slow listings down; the first that is not empty ends this. */
            while ((slash = strrchr(path, '/'))) {
                *slash = 0;
                if (strcmp(path, OBJECTS) == 0 || rmdir(path) != 0) break;
            }
        } else if (errno != ENOENT && errno != ENOTDIR) {
            ok = failed(errno, err);
        }
        free(path);
    }
    exports_wharf_storage_backend_list_key_free(keys);
    return ok;
}

/* The interface `small-objects`: most of what a registry stores are links of 71 bytes, and here each is one call instead of three.
 * It is made of the same pieces as the reader and the writer. */

bool exports_wharf_storage_small_objects_get(plugin_string_t *key, uint32_t bytes_max, plugin_list_u8_t *ret, error_t_ *err) {
    exports_wharf_storage_backend_byte_range_t whole = {0};
    exports_wharf_storage_backend_opened_t opened;
    if (!exports_wharf_storage_backend_read(key, &whole, &opened, err)) return false;
    exports_wharf_storage_backend_reader_t *reader = exports_wharf_storage_backend_reader_rep(opened.body);
    size_t size = opened.meta.size_bytes, done = 0;
    bool ok = size <= bytes_max;
    if (!ok) err->tag = WHARF_STORAGE_TYPES_ERROR_TOO_LARGE;
    ret->ptr = ok && size > 0 ? malloc(size) : NULL;
    ret->len = ok ? size : 0;
    while (ok && done < size) {
        ssize_t count = pread(reader->file, ret->ptr + done, size - done, done);
        if (count <= 0) ok = failed(count < 0 ? errno : EIO, err);
        else done += count;
    }
    if (!ok) free(ret->ptr);
    exports_wharf_storage_backend_reader_drop_own(opened.body);
    return ok;
}

bool exports_wharf_storage_small_objects_put(plugin_string_t *key, plugin_list_u8_t *content,
                                             exports_wharf_storage_small_objects_write_options_t *options, error_t_ *err) {
    exports_wharf_storage_backend_own_writer_t handle;
    if (!exports_wharf_storage_backend_write(key, options, &handle, err)) {
        plugin_list_u8_free(content);
        return false;
    }
    exports_wharf_storage_backend_writer_t *writer = exports_wharf_storage_backend_writer_rep(handle);
    uint64_t size;
    bool ok = exports_wharf_storage_backend_method_writer_write(writer, content, err);
    ok = ok && exports_wharf_storage_backend_method_writer_finish(writer, &size, err);
    exports_wharf_storage_backend_writer_drop_own(handle);
    return ok;
}
