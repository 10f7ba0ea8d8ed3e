"""A storage layer: keeps everything under a prefix of the storage below, so that two registries can share one.

What is below has the same interface as what is exported here. A layer changes keys, bytes, or both: this one changes keys only.
The host reads and writes through `Reader` and `Writer`, where a layer that changes bytes does its work. An error of the storage
below is raised as `Err`, and passes through as it is.
"""

from dataclasses import replace
from typing import List

import wit_world.exports
import wit_world.exports.backend as backend
from componentize_py_types import Err
from wit_world.imports import backend as below
from wit_world.imports import store
from wit_world.imports.types import (
    ByteRange,
    CapabilityFlags,
    ConfigProblem,
    InitError_Config,
    ListPage,
    ListRequest,
    ObjectMeta,
    WriteOptions,
)


def prefix() -> str:
    found = store.get("prefix")
    return "shared" if found is None else found


def moved(key: str) -> str:
    return f"{prefix()}/{key}"


# No destructor runs when the host drops a reader or a writer, so each closes the one below as soon as it has done its work. After a
# transfer that broke off the host does not use the instance again, and what it holds below is closed with it.


class Reader(backend.Reader):
    def __init__(self, inner: below.Reader) -> None:
        self.inner = inner

    def read(self, bytes_max: int) -> bytes:
        data = self.inner.read(bytes_max)
        if not data:
            self.inner.__exit__(None, None, None)
        return data


class Writer(backend.Writer):
    def __init__(self, inner: below.Writer) -> None:
        self.inner = inner

    def write(self, chunk: bytes) -> None:
        self.inner.write(chunk)

    def finish(self) -> int:
        size = self.inner.finish()
        self.inner.__exit__(None, None, None)
        return size


class Backend(wit_world.exports.Backend):
    def init(self) -> None:
        """Called once on each new instance; what is below has been started by the host."""
        if not prefix() or prefix().startswith("/") or prefix().endswith("/"):
            problem = "is empty, or begins or ends with a slash"
            raise Err(InitError_Config([ConfigProblem("prefix", problem)]))

    def health(self) -> None:
        below.health()

    def capabilities(self) -> CapabilityFlags:
        """A layer tells only what it can pass on or do itself."""
        # `server-side-assemble` speaks of an interface that this component does not export.
        return below.capabilities() & ~CapabilityFlags.SERVER_SIDE_ASSEMBLE

    def stat(self, key: str) -> ObjectMeta:
        return below.stat(moved(key))

    def read(self, key: str, range: ByteRange) -> backend.Opened:
        opened = below.read(moved(key), range)
        return backend.Opened(opened.meta, Reader(opened.body))

    def write(self, key: str, options: WriteOptions) -> Writer:
        return Writer(below.write(moved(key), options))

    def delete(self, keys: List[str]) -> None:
        below.delete([moved(key) for key in keys])

    def list(self, request: ListRequest) -> ListPage:
        """What a listing shows is relative to its prefix, so only that is moved."""
        return below.list(replace(request, prefix=moved(request.prefix)))
