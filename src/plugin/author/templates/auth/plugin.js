// An auth provider: decides about every request that reaches the registry.
//
// It finds its users in its configuration under `users`, a line `NAME:PASSWORD` for each (the operator grants it as a
// secret), and lets anybody pull when `anonymous-pull` is `true`. Replace `whoIs` by what you need.
//
// Three things to know about JavaScript here:
// * A 64-bit integer of the WIT (`u64`) is a Number, never a BigInt.
// * An `option` without a value is `null`.
// * To return an error, throw the WIT value itself: `throw { tag: 'unavailable', val: 'the directory is away' }`.
//   A thrown `Error` is a trap: the instance is lost, and the request is answered with 503.

import { get } from 'wasi:config/store@0.2.0-rc.1';
import { log } from 'wasi:logging/logging@0.1.0-draft';

export const provider = {
  // Called once on each new instance. Check the configuration here, all keys at once, and keep it cheap.
  init() {
    const problems = [];
    if (get('users') == null) {
      problems.push({ key: 'users', problem: 'is missing: grant it as a secret that has a line NAME:PASSWORD for each user' });
    }
    if (!['true', 'false'].includes(get('anonymous-pull') ?? 'false')) {
      problems.push({ key: 'anonymous-pull', problem: 'is neither true nor false' });
    }
    if (problems.length > 0) {
      throw { tag: 'config', val: problems };
    }
  },

  // Asked before this component takes over from another one, and by the health checks.
  health() {},

  // `context.credentials` says who comes, `wanted` lists what they are about to do; an empty list is a login.
  authorize(context, wanted) {
    const user = whoIs(context.credentials);
    if (user != null) {
      return granted(user, wanted);
    }
    // Wrong credentials are refused, never treated as none.
    const pullsOnly = wanted.length > 0 && wanted.every((access) => access.action === 'pull');
    if (context.credentials.tag === 'anonymous' && pullsOnly && get('anonymous-pull') === 'true') {
      return granted('', wanted);
    }
    if (context.credentials.tag === 'basic') {
      log('warn', '{{name}}', `wrong password for a user at ${context.peer ?? 'a unix socket'}`);
    }
    return {
      tag: 'challenge',
      val: { wwwAuthenticate: 'Basic realm="{{name}}"', reason: `${context.credentials.tag} is not enough`, cacheKey: null },
    };
  },
};

// The name of the user whom these credentials belong to.
function whoIs(credentials) {
  if (credentials.tag !== 'basic') {
    return null;
  }
  const { username, password } = credentials.val;
  const lines = (get('users') ?? '').split('\n');
  const line = lines.find((line) => line.startsWith(`${username}:`));
  const expected = line?.slice(username.length + 1);
  // The comparison runs for users who do not exist as well, so that time does not tell who does.
  const same = equal(password, expected ?? 'nobody has this password');
  return same && expected != null ? username : null;
}

// Grants what was wanted. The host may answer the same credentials from this for a minute without asking again.
function granted(name, wanted) {
  return {
    tag: 'granted',
    val: { identity: { name, attributes: [] }, access: wanted, timeToLiveMs: 60_000, cacheKey: name || null },
  };
}

// Compares in a time that does not depend on where the two differ.
function equal(given, expected) {
  let different = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) {
    different |= given.charCodeAt(i % (given.length || 1)) ^ expected.charCodeAt(i);
  }
  return different === 0;
}
