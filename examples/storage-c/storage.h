/* What plugin.c and listing.c share. */

#pragma once

#include <sys/stat.h>

#include "plugin.h"

/* Where the operator's directory is seen; plugin.toml asks for it. */
#define DIRECTORY "/data"
#define OBJECTS DIRECTORY "/objects"

typedef exports_wharf_storage_backend_error_t error_t_;
typedef exports_wharf_storage_backend_object_meta_t meta_t;

/* The storage error that an error of the file system is. Always false, to be returned. */
bool failed(int code, error_t_ *err);

/* `/data/objects/a.d/b` and an ending for `a/b`: `.o` for an object's file, `.d` for the folder beneath a prefix. */
char *path_of(const char *key, size_t length, const char *ending);

void meta_of(const struct stat *found, meta_t *meta);
