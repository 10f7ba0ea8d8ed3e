// A notification hook: is told what happens in the registry, and can tell others.
//
// It writes a line to the server's log for every push and every delete, of repositories that begin with `repositories` if that
// is configured. Replace `tell` by what you need.
//
// Three things to know about JavaScript here:
// * A 64-bit integer of the WIT (`u64`) is a Number, never a BigInt.
// * An `option` without a value is `null`.
// * A thrown `Error` is a trap: the instance is lost, and the whole batch comes again.

import { get } from 'wasi:config/store@0.2.0-rc.1';
import { log } from 'wasi:logging/logging@0.1.0-draft';

export const hook = {
  // Called once on each new instance. Check the configuration here, all keys at once.
  init() {
    if (get('repositories') === '') {
      throw { tag: 'config', val: [{ key: 'repositories', problem: 'is empty; leave it out to hear of every repository' }] };
    }
  },

  // Asked before this component takes over from another one, and by the health checks.
  health() {},

  // What this hook wants to hear of. A flag that is not named is off.
  subscriptions() {
    return { actions: { push: true, delete: true }, levels: {}, server: false };
  },

  // From 1 to 100 events; one outcome per event, in the same order:
  // `{ tag: 'done' }`, `{ tag: 'retry-after-ms', val: 5000 }` or `{ tag: 'drop', val: 'why' }`.
  handle(events) {
    return events.map(outcomeOf);
  },
};

function outcomeOf(event) {
  if (event.subject.tag === 'registry') {
    const { action, target, actor } = event.subject.val;
    if (target.repository.startsWith(get('repositories') ?? '')) {
      tell(action, target, actor);
    }
  }
  // Also for what later versions may tell.
  return { tag: 'done' };
}

function tell(action, target, actor) {
  const tag = target.tag == null ? '' : `:${target.tag}`;
  const digest = target.content == null ? '' : ` (${target.content.digest})`;
  log('info', '{{name}}', `${actor ?? 'somebody'}: ${action} ${target.repository}${tag}${digest}`);
}
