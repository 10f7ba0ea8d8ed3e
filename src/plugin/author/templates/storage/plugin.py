"""A storage backend: keeps the registry's objects as files in the directory that the operator grants under `/data`.

Object `a/b` is the file `objects/a.d/b.o`: keys are flat, so there may be objects `a` and `a/b` at the same time, and a file
system can't have a file and a directory of one name. Objects are written under `new/` and renamed when they are finished, so
that nobody ever sees half of one. Replace the file system by what you need.

To return an error of the WIT, raise it: `raise Err(Error_NotFound())`. Any other exception is a trap: the instance is lost,
and so is the transfer.
"""

import errno
import os
import time
from contextlib import contextmanager, suppress
from typing import BinaryIO, List

import wit_world.exports
import wit_world.exports.backend as backend
from componentize_py_types import Err
from wit_world.imports import wasi_filesystem_types as files
from wit_world.imports.preopens import get_directories
from wit_world.imports.random import get_random_bytes
from wit_world.imports.wharf_storage_types import (
    ByteRange,
    CapabilityFlags,
    Error_Conflict,
    Error_Corrupt,
    Error_NoSpace,
    Error_NotFound,
    Error_Other,
    Error_PermissionDenied,
    Error_RangeNotSatisfiable,
    Error_Unsupported,
    InitError_Other,
    ListEntry,
    ListPage,
    ListRequest,
    ObjectMeta,
    WriteOptions,
)

DIRECTORY = "/data"
OBJECTS = f"{DIRECTORY}/objects"
NEW = f"{DIRECTORY}/new"
ABANDONED_AFTER_SECONDS = 24 * 3600


@contextmanager
def failures():
    """Turns what can go wrong with files into what can go wrong with objects."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise Err(Error_NotFound())
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Err(Error_NoSpace())
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Err(Error_PermissionDenied(str(error)))
        raise Err(Error_Other(str(error)))


def folder_of(key: str) -> str:
    return f"{OBJECTS}/{key.replace('/', '.d/')}"


def path_of(key: str) -> str:
    return f"{folder_of(key)}.o"


def meta_of(stat: os.stat_result) -> ObjectMeta:
    return ObjectMeta(stat.st_size, stat.st_mtime_ns // 1_000_000)


# No destructor runs when the host drops a reader or a writer: files are closed when they are used up. After a transfer that broke
# off the host does not use the instance again, and its files are closed with it; what an unfinished object has staged is removed
# by `remove_abandoned`.


class Reader(backend.Reader):
    """An object that is being read. The file stays open, so it is the same object to the end."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.file = file
        self.left = length
        if length == 0:
            file.close()

    def read(self, bytes_max: int) -> bytes:
        if self.left == 0:
            return b""
        with failures():
            data = self.file.read(min(bytes_max, self.left))
        if not data:
            raise Err(Error_Corrupt("the file is shorter than it was"))
        self.left -= len(data)
        if self.left == 0:
            self.file.close()
        return data


class Writer(backend.Writer):
    """An object that is being written, under a name that nobody else knows."""

    def __init__(self, key: str, volatile: bool) -> None:
        self.path = path_of(key)
        self.volatile = volatile
        self.size = 0
        self.staged = f"{NEW}/{get_random_bytes(16).hex()}"
        with failures():
            self.file = open(self.staged, "xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        with failures():
            rest = memoryview(chunk)
            while rest:
                rest = rest[self.file.write(rest) :]
        self.size += len(chunk)

    def finish(self) -> int:
        with failures():
            if not self.volatile:
                os.fsync(self.file.fileno())
            self.file.close()
            # Somebody who deletes the last object in a folder removes the folder; then it is made once more.
            # (makedirs takes one that is gone when it looks again for a file.)
            for _ in range(100):
                with suppress(FileNotFoundError, FileExistsError):
                    os.makedirs(os.path.dirname(self.path), exist_ok=True)
                    os.replace(self.staged, self.path)
                    if not self.volatile:
                        sync_folders(os.path.dirname(self.path))
                    return self.size
        raise Err(Error_Conflict())


def sync_folders(folder: str) -> None:
    """A name is durable when the folder that holds it is.

    Python's own files speak WASI 0.1, where a folder can't be synced, so this asks WASI 0.2 itself.
    """
    for granted, path in get_directories():
        with granted:
            while path == DIRECTORY and folder != DIRECTORY:
                relative = os.path.relpath(folder, DIRECTORY)
                try:
                    with granted.open_at(files.PathFlags(0), relative, files.OpenFlags.DIRECTORY, files.DescriptorFlags.READ) as opened:
                        opened.sync()
                except Err as error:
                    if error.value != files.ErrorCode.NO_ENTRY:
                        raise OSError(errno.EIO, f"{folder} can't be synced: {error.value}")
                folder = os.path.dirname(folder)


def gather(folder: str, prefix: str, after: str, wanted: int, found: List[str]) -> None:
    """Gathers up to `wanted` names after `after`, in the order of their keys. `prefix` is empty or ends with a slash."""
    try:
        files = os.listdir(f"{folder}/{prefix.replace('/', '.d/')}".rstrip("/"))
    except FileNotFoundError:
        return
    # With the slash, the names sort as the keys do.
    for name in sorted(prefix + file[:-2] + ("/" if file.endswith(".d") else "") for file in files):
        if len(found) >= wanted:
            return
        if name.endswith("/"):
            if name > after or after.startswith(name):
                gather(folder, name, after, wanted, found)
        elif name > after:
            found.append(name)


def remove_abandoned() -> None:
    """Removes what was staged more than a day ago: its writer is gone."""
    with suppress(OSError):
        for entry in os.scandir(NEW):
            with suppress(OSError):
                if entry.stat().st_mtime < time.time() - ABANDONED_AFTER_SECONDS:
                    os.unlink(entry.path)


class Backend(wit_world.exports.Backend):
    def init(self) -> None:
        """Called once on each new instance. Check the configuration here, and keep it cheap."""
        try:
            os.makedirs(OBJECTS, exist_ok=True)
            os.makedirs(NEW, exist_ok=True)
        except OSError as error:
            problem = f'{error}: grant a directory with guest = "{DIRECTORY}" and write = true'
            raise Err(InitError_Other(problem))
        remove_abandoned()

    def health(self) -> None:
        """Asked before this component takes over from another one, and by the health checks."""
        with failures():
            os.stat(OBJECTS)

    def capabilities(self) -> CapabilityFlags:
        """What goes beyond the minimum: nothing."""
        return CapabilityFlags(0)

    def stat(self, key: str) -> ObjectMeta:
        with failures():
            return meta_of(os.stat(path_of(key)))

    def read(self, key: str, range: ByteRange) -> backend.Opened:
        with failures():
            file = open(path_of(key), "rb", buffering=0)
            meta = meta_of(os.fstat(file.fileno()))
        if range.offset_bytes > meta.size_bytes:
            file.close()
            raise Err(Error_RangeNotSatisfiable())
        # A range that reaches behind the end is cut there.
        length = meta.size_bytes - range.offset_bytes
        if range.length_bytes is not None:
            length = min(length, range.length_bytes)
        file.seek(range.offset_bytes)
        return backend.Opened(meta, Reader(file, length))

    def write(self, key: str, options: WriteOptions) -> Writer:
        # The host sets these only when `capabilities` tells that they work.
        if options.if_absent or options.append_at_bytes is not None:
            raise Err(Error_Unsupported())
        return Writer(key, options.volatile)

    def delete(self, keys: List[str]) -> None:
        for key in keys:
            path = path_of(key)
            with failures(), suppress(FileNotFoundError):
                os.unlink(path)
            # Folders that hold nothing more only slow listings down; the first that is not empty ends this.
            with suppress(OSError):
                while (path := os.path.dirname(path)) != OBJECTS:
                    os.rmdir(path)

    def list(self, request: ListRequest) -> ListPage:
        """One page of every object beneath the prefix. (`children` is asked only of backends that tell `list-children`.)"""
        folder = f"{folder_of(request.prefix)}.d"
        after = request.after or ""
        while True:
            # One more than a page has room for tells whether there is more.
            names: List[str] = []
            with failures():
                gather(folder, "", after, request.limit + 1, names)
            more = len(names) > request.limit
            entries = []
            for name in names[: request.limit]:
                with failures(), suppress(FileNotFoundError):
                    meta = meta_of(os.stat(f"{folder}/{name.replace('/', '.d/')}.o"))
                    entries.append(ListEntry(name, meta))
            if entries or not more:
                return ListPage(entries, more)
            # All of a page was deleted meanwhile, and an empty page would mean the end.
            after = names[request.limit - 1]
