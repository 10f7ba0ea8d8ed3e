// Robot accounts for pipelines, each with what it may do: see README.md.
//
// Not to forget in JavaScript: `u64` is a Number, an error of the WIT is thrown as its value, and a thrown Error is a trap.

import { get } from 'wasi:config/store@0.2.0-rc.1';

const ACTIONS = ['pull', 'push', 'delete', 'all'];

export const provider = {
  init() {
    const problems = problemsOf(get('accounts'));
    if (problems.length > 0) {
      throw { tag: 'config', val: problems.map((problem) => ({ key: 'accounts', problem })) };
    }
  },

  health() {},

  authorize(context, wanted) {
    if (context.credentials.tag !== 'basic') {
      return challenge('no name and password');
    }
    const { username, password } = context.credentials.val;
    const account = JSON.parse(get('accounts')).find(({ name }) => name === username);
    if (!equal(password, account?.password ?? 'no account has this password') || account == null) {
      return challenge('a wrong name or password');
    }
    const refused = wanted.find((access) => !account.rules.some((rule) => allows(rule, access)));
    if (refused != null) {
      const what = refused.on.tag === 'repository' ? refused.on.val : 'the catalog';
      return { tag: 'denied', val: { reason: `${username} may not ${refused.action} ${what}`, cacheKey: username } };
    }
    const identity = { name: username, attributes: [['kind', 'robot']] };
    return { tag: 'granted', val: { identity, access: wanted, timeToLiveMs: 30_000, cacheKey: username } };
  },
};

function problemsOf(text) {
  if (text == null) {
    return ['is missing: grant it as a secret; README.md says how it looks'];
  }
  let accounts;
  try {
    accounts = JSON.parse(text);
  } catch {
    return ['is no JSON'];
  }
  if (!Array.isArray(accounts)) {
    return ['is no list of accounts'];
  }
  return accounts.flatMap((account, index) => {
    const { name, password, rules } = account ?? {};
    const place = `account ${index + 1}`;
    if (typeof name !== 'string' || name === '' || typeof password !== 'string' || password.length < 8) {
      return [`${place} needs a name, and a password of 8 characters or more`];
    }
    const fine = ({ repositories, actions } = {}) =>
      typeof repositories === 'string' && Array.isArray(actions) && actions.every((action) => ACTIONS.includes(action));
    return Array.isArray(rules) && rules.every(fine) ? [] : [`${place}: each of its rules needs repositories and actions`];
  });
}

// A rule's `repositories` is a name, or a beginning that ends with `*`. The catalog is only for a rule with `*` alone.
function allows(rule, access) {
  if (!rule.actions.includes(access.action)) {
    return false;
  }
  const { repositories } = rule;
  if (access.on.tag !== 'repository') {
    return repositories === '*';
  }
  return repositories.endsWith('*') ? access.on.val.startsWith(repositories.slice(0, -1)) : access.on.val === repositories;
}

function challenge(reason) {
  return { tag: 'challenge', val: { wwwAuthenticate: 'Basic realm="robots"', reason, cacheKey: null } };
}

// Compares in a time that does not depend on where the two differ.
function equal(given, expected) {
  let different = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) {
    different |= given.charCodeAt(i % (given.length || 1)) ^ expected.charCodeAt(i);
  }
  return different === 0;
}
