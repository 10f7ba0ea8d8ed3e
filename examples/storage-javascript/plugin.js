// A storage backend: keeps the registry's objects as files in the directory that the operator grants under `/data`, and lists
// children by itself. See README.md.
//
// Object `a/b` is the file `objects/a.d/b.o`: keys are flat, so there may be objects `a` and `a/b` at the same time, and a file
// system can't have a file and a directory of one name. Objects are written under `new/` and renamed when they are finished, so
// that nobody ever sees half of one.
//
// Three things to know about JavaScript here:
// * A 64-bit integer of the WIT (`u64`) is a Number, never a BigInt; exact up to 2^53.
// * To return an error, throw the WIT value itself: `throw { tag: 'not-found' }`. A thrown `Error` is a trap: the instance is
//   lost, and so is the transfer.
// * What an import returns as an error is thrown; `codeOf` below gets at it.

import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';
import { getRandomU64 } from 'wasi:random/random@0.2.12';

const DIRECTORY = '/data';
let found;

// The directory that is granted under DIRECTORY, if there is one.
function granted() {
  found ??= getDirectories().find(([, path]) => path === DIRECTORY)?.[0];
  return found;
}

// Does something with the directory, and turns what can go wrong with files into what can go wrong with objects.
function attempt(action) {
  try {
    return action(granted());
  } catch (error) {
    throw failure(codeOf(error));
  }
}

function codeOf(error) {
  return error?.payload ?? error;
}

function failure(code) {
  switch (code) {
    case 'no-entry':
    case 'not-directory':
      return { tag: 'not-found' };
    case 'insufficient-space':
    case 'quota':
      return { tag: 'no-space' };
    case 'access':
    case 'not-permitted':
    case 'read-only':
      return { tag: 'permission-denied', val: code };
    default:
      return typeof code === 'object' && code?.tag != null ? code : { tag: 'other', val: String(code) };
  }
}

// Like `attempt`, but these failures of the file system are fine and give null.
function unless(codes, action) {
  try {
    return action(granted());
  } catch (error) {
    if (codes.includes(codeOf(error))) {
      return null;
    }
    throw failure(codeOf(error));
  }
}

// Gives a resource of the host back. Nobody else does it: what is not given back counts against the limit `resources_max` until the
// instance ends.
const close = (resource) => resource[Symbol.dispose ?? Symbol.for('dispose')]();

const folderOf = (key) => `objects/${key.replaceAll('/', '.d/')}`;
const pathOf = (key) => `${folderOf(key)}.o`;
const above = (path) => path.slice(0, path.lastIndexOf('/'));

function metaOf(stat) {
  const at = stat.dataModificationTimestamp;
  const modifiedMs = at == null ? null : at.seconds * 1000 + Math.floor(at.nanoseconds / 1_000_000);
  return { sizeBytes: stat.size, modifiedMs };
}

// An object that is being read. The file stays open, so it is the same object to the end, whatever happens to its key.
class Reader {
  constructor(file, at, end) {
    this.file = file;
    this.at = at;
    this.end = end;
    if (at === end) {
      close(file);
    }
  }

  read(bytesMax) {
    const length = Math.min(bytesMax, this.end - this.at);
    if (length === 0) {
      return new Uint8Array(0);
    }
    const [bytes] = attempt(() => this.file.read(length, this.at));
    if (bytes.length === 0) {
      throw { tag: 'corrupt', val: 'the file is shorter than it was' };
    }
    this.at += bytes.length;
    if (this.at === this.end) {
      close(this.file);
    }
    return bytes;
  }
}

// An object that is being written, under a name that nobody else knows. A writer that is dropped unfinished leaves its file in
// `new/`, where nobody looks for objects; JavaScript is not told when the host drops it.
class Writer {
  constructor(key, volatile) {
    this.staged = `new/${getRandomU64()}-${getRandomU64()}`;
    const flags = [{}, this.staged, { create: true, exclusive: true }, { read: true, write: true }];
    this.file = attempt((root) => root.openAt(...flags));
    this.path = pathOf(key);
    this.size = 0;
    this.volatile = volatile;
  }

  write(chunk) {
    for (let written = 0; written < chunk.length; ) {
      const count = attempt(() => this.file.write(written === 0 ? chunk : chunk.subarray(written), this.size));
      written += count;
      this.size += count;
    }
  }

  finish() {
    if (!this.volatile) {
      attempt(() => this.file.sync());
    }
    close(this.file);
    // Somebody who deletes the last object in a folder removes the folder; then it is made once more.
    for (let attempts = 0; attempts < 100; attempts++) {
      makeFolders(above(this.path));
      if (unless(['no-entry'], (root) => (root.renameAt(this.staged, root, this.path), true))) {
        if (!this.volatile) {
          syncFolders(above(this.path));
        }
        return this.size;
      }
    }
    throw { tag: 'conflict' };
  }
}

function makeFolders(folder) {
  const names = folder.split('/');
  for (let count = 1; count <= names.length; count++) {
    unless(['exist', 'no-entry'], (root) => root.createDirectoryAt(names.slice(0, count).join('/')));
  }
}

// A name is durable when the folder that holds it is.
function syncFolders(folder) {
  for (let path = folder; path !== ''; path = above(path)) {
    const opened = unless(['no-entry'], (root) => root.openAt({}, path, { directory: true }, { read: true }));
    if (opened != null) {
      attempt(() => opened.sync());
      close(opened);
    }
  }
}

// The names in a folder; none if there is no such folder.
function namesIn(folder) {
  const opened = unless(['no-entry'], (root) => root.openAt({}, folder, { directory: true }, { read: true }));
  const names = [];
  if (opened != null) {
    const entries = attempt(() => opened.readDirectory());
    for (let entry; (entry = attempt(() => entries.readDirectoryEntry())) != null; ) {
      names.push(entry.name);
    }
    close(entries);
    close(opened);
  }
  return names;
}

// Byte order of UTF-8 is the order of code points, which JavaScript's own order of strings is not.
function inKeyOrder(one, other) {
  const [a, b] = [[...one], [...other]];
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i]) {
      return a[i].codePointAt(0) - b[i].codePointAt(0);
    }
  }
  return a.length - b.length;
}

// Gathers up to `wanted` names of objects after `after`, in the order of their keys. `prefix` is empty or ends with a slash.
function gather(folder, prefix, after, wanted, gathered) {
  const here = `${folder}/${prefix.replaceAll('/', '.d/')}`.replace(/\/$/, '');
  const names = namesIn(here).map((file) => prefix + file.slice(0, -2) + (file.endsWith('.d') ? '/' : ''));
  // With the slash, the names sort as the keys do.
  names.sort(inKeyOrder);
  for (const name of names) {
    if (gathered.length >= wanted) {
      return;
    }
    if (name.endsWith('/')) {
      if (inKeyOrder(name, after) > 0 || after.startsWith(name)) {
        gather(folder, name, after, wanted, gathered);
      }
    } else if (inKeyOrder(name, after) > 0) {
      gathered.push(name);
    }
  }
}

export const backend = {
  Reader,
  Writer,

  // Called once on each new instance. Check the configuration here, and keep it cheap.
  init() {
    if (granted() == null) {
      throw { tag: 'other', val: `no directory is granted: grant one with guest = "${DIRECTORY}" and write = true` };
    }
    for (const folder of ['objects', 'new']) {
      unless(['exist'], (root) => root.createDirectoryAt(folder));
    }
  },

  // Asked before this component takes over from another one, and by the health checks.
  health() {
    attempt((root) => root.statAt({}, 'objects'));
  },

  // What goes beyond the minimum. A flag that is not named is off.
  capabilities() {
    return { listChildren: true };
  },

  stat(key) {
    return metaOf(attempt((root) => root.statAt({}, pathOf(key))));
  },

  read(key, range) {
    const file = attempt((root) => root.openAt({}, pathOf(key), {}, { read: true }));
    const meta = metaOf(attempt(() => file.stat()));
    if (range.offsetBytes > meta.sizeBytes) {
      throw { tag: 'range-not-satisfiable' };
    }
    // A range that reaches behind the end is cut there.
    const end = Math.min(meta.sizeBytes, range.offsetBytes + (range.lengthBytes ?? meta.sizeBytes));
    return { meta, body: new Reader(file, range.offsetBytes, end) };
  },

  write(key, options) {
    // The host sets these only when `capabilities` tells that they work.
    if (options.ifAbsent || options.appendAtBytes != null) {
      throw { tag: 'unsupported' };
    }
    return new Writer(key, options.volatile);
  },

  delete(keys) {
    for (const key of keys) {
      let path = pathOf(key);
      unless(['no-entry'], (root) => root.unlinkFileAt(path));
      // Folders that hold nothing more only slow listings down; the first that is not empty ends this.
      try {
        while ((path = above(path)) !== 'objects') {
          granted().removeDirectoryAt(path);
        }
      } catch {}
    }
  },

  // One page, in key order: every object beneath the prefix, or only the names directly beneath it.
  list(request) {
    const folder = `${folderOf(request.prefix)}.d`;
    return request.shape === 'children' ? children(folder, request) : subtree(folder, request);
  },
};

function subtree(folder, request) {
  for (let after = request.after ?? ''; ; ) {
    // One more than a page has room for tells whether there is more.
    const names = [];
    gather(folder, '', after, request.limit + 1, names);
    const more = names.length > request.limit;
    const entries = [];
    for (const name of names.slice(0, request.limit)) {
      const path = `${folder}/${name.replaceAll('/', '.d/')}.o`;
      const stat = unless(['no-entry'], (root) => root.statAt({}, path));
      if (stat != null) {
        entries.push({ name, object: metaOf(stat) });
      }
    }
    if (entries.length > 0 || !more) {
      return { entries, more };
    }
    // All of a page was deleted meanwhile, and an empty page would mean the end.
    after = names[request.limit - 1];
  }
}

function children(folder, request) {
  // An object and a deeper prefix of one name are one child.
  const names = [...new Set(namesIn(folder).map((file) => file.slice(0, -2)))];
  const wanted = names.filter((name) => inKeyOrder(name, request.after ?? '') > 0).sort(inKeyOrder);
  const entries = [];
  for (const name of wanted) {
    if (entries.length === request.limit) {
      return { entries, more: true };
    }
    const stat = unless(['no-entry'], (root) => root.statAt({}, `${folder}/${name}.o`));
    if (stat != null) {
      entries.push({ name, object: metaOf(stat) });
    } else if (holdsAnything(`${folder}/${name}.d`)) {
      entries.push({ name, object: null });
    }
  }
  return { entries, more: false };
}

// A folder from which the last object was just deleted is no prefix any more.
function holdsAnything(folder) {
  const found = [];
  gather(folder, '', '', 1, found);
  return found.length > 0;
}
