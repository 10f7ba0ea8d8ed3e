// A storage layer: keeps everything under a prefix of the storage below, so that two registries can share one.
//
// What is below has the same interface as what is exported here. A layer changes keys, bytes, or both: this one changes keys
// only. The host reads and writes through `Reader` and `Writer`, where a layer that changes bytes does its work.
//
// Four things to know about JavaScript here:
// * A 64-bit integer of the WIT (`u64`) is a Number, never a BigInt; exact up to 2^53.
// * An `option` without a value is `null`.
// * To return an error, throw the WIT value itself: `throw { tag: 'not-found' }`. A thrown `Error` is a trap: the instance is
//   lost, and so is the transfer.
// * What an import returns as an error is thrown; `pass` below hands it on.

import * as below from 'wharf:storage/backend@0.1.0';
import { get } from 'wasi:config/store@0.2.0-rc.1';

const prefix = () => get('prefix') ?? 'shared';
const moved = (key) => `${prefix()}/${key}`;

// Returns what the storage below returns, errors included.
function pass(action) {
  try {
    return action();
  } catch (error) {
    throw error?.payload ?? error;
  }
}

class Reader {
  constructor(inner) {
    this.inner = inner;
  }

  read(bytesMax) {
    return pass(() => this.inner.read(bytesMax));
  }
}

class Writer {
  constructor(inner) {
    this.inner = inner;
  }

  write(chunk) {
    pass(() => this.inner.write(chunk));
  }

  finish() {
    return pass(() => this.inner.finish());
  }
}

export const backend = {
  Reader,
  Writer,

  // Called once on each new instance; what is below has been started by the host.
  init() {
    if (prefix() === '' || prefix().startsWith('/') || prefix().endsWith('/')) {
      throw { tag: 'config', val: [{ key: 'prefix', problem: 'is empty, or begins or ends with a slash' }] };
    }
  },

  health() {
    pass(() => below.health());
  },

  // A layer tells only what it can pass on or do itself; `serverSideAssemble` speaks of an interface that is not exported here.
  capabilities() {
    return { ...below.capabilities(), serverSideAssemble: false };
  },

  stat(key) {
    return pass(() => below.stat(moved(key)));
  },

  read(key, range) {
    const { meta, body } = pass(() => below.read(moved(key), range));
    return { meta, body: new Reader(body) };
  },

  write(key, options) {
    return new Writer(pass(() => below.write(moved(key), options)));
  },

  delete(keys) {
    pass(() => below.delete(keys.map(moved)));
  },

  // What a listing shows is relative to its prefix, so only that is moved.
  list(request) {
    return pass(() => below.list({ ...request, prefix: moved(request.prefix) }));
  },
};
