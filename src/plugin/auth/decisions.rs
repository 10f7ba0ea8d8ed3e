//! What a component has granted, for as long as it said.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use moka::sync::Cache;
use wharf_bindings::auth::wharf::auth::types as wit;

use crate::auth::{Access, Action, Identity, KeyedHash};
use crate::config::plugin::PluginLimits;

/// Grants that are remembered for one set of credentials: as many repositories as a build touches.
const GRANTS_MAX: usize = 16;

/// Remembers grants, never refusals. Credentials are kept as keyed hashes only.
///
/// A grant counts for the same credentials *and* the same visible headers, because a provider may decide by those; and for the
/// version of the component that gave it.
pub(super) struct Decisions {
    hash: KeyedHash,
    grants: Cache<[u8; 32], Arc<Vec<Grant>>>,
    time_max: Duration,
    /// By the provider's `cache-key`: what its grants hang on. Complete, because the grants keep the marks alive.
    marks: Mutex<HashMap<String, Weak<Mark>>>,
    /// Counts revocations. A grant that was asked for before one and comes after it is not remembered.
    revocations: AtomicU64,
}

/// Says whether the grants with one `cache-key` still count.
#[derive(Default)]
struct Mark {
    revoked: AtomicBool,
}

#[derive(Clone)]
struct Grant {
    identity: Identity,
    access: Vec<Access>,
    until: Instant,
    mark: Option<Arc<Mark>>,
}

impl Grant {
    fn counts(&self, now: Instant) -> bool {
        now < self.until && self.mark.as_ref().is_none_or(|mark| !mark.revoked.load(SeqCst))
    }
}

/// Who asks, and when they began to.
pub(super) struct Key {
    hash: [u8; 32],
    revocations: u64,
}

impl Decisions {
    /// Fails when the system gives no random numbers.
    pub(super) fn new(limits: &PluginLimits) -> Result<Self, String> {
        let time_max = limits.decision_time_max.get();
        Ok(Self {
            hash: KeyedHash::new()?,
            grants: Cache::builder().max_capacity(limits.decisions_max.into()).time_to_live(time_max).build(),
            time_max,
            marks: Mutex::default(),
            revocations: AtomicU64::new(0),
        })
    }

    /// Taken before the component is asked.
    pub(super) fn key(&self, version: u64, context: &wit::RequestContext) -> Key {
        let version = version.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![&version];
        match &context.credentials {
            wit::Credentials::Anonymous => parts.push(b"anonymous"),
            wit::Credentials::Basic(basic) => {
                parts.extend([&b"basic"[..], basic.username.as_bytes(), basic.password.as_bytes()])
            }
            wit::Credentials::Bearer(token) => parts.extend([&b"bearer"[..], token.as_bytes()]),
            wit::Credentials::Unusable(why) => parts.extend([&b"unusable"[..], why.as_bytes()]),
        }
        for (name, value) in &context.headers {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        Key { hash: self.hash.of(&parts), revocations: self.revocations.load(SeqCst) }
    }

    /// To whom all of the wanted access was granted, if it was.
    pub(super) fn recall(&self, key: &Key, wanted: &[Access], now: Instant) -> Option<Identity> {
        let grants = self.grants.get(&key.hash)?;
        let found = grants.iter().find(|grant| grant.counts(now) && missing(wanted, &grant.access).is_empty());
        found.map(|grant| grant.identity.clone())
    }

    /// Remembers a grant, when its provider allows it.
    pub(super) fn remember(
        &self,
        key: Key,
        identity: &Identity,
        access: Vec<Access>,
        time_to_live_ms: Option<u32>,
        cache_key: Option<&str>,
    ) {
        let time = Duration::from_millis(time_to_live_ms.unwrap_or(0).into()).min(self.time_max);
        if time.is_zero() {
            return;
        }
        let now = Instant::now();
        let mark = cache_key.map(|cache_key| self.mark(cache_key));
        // After the mark was taken: whatever is revoked from now on finds the mark.
        if self.revocations.load(SeqCst) != key.revocations {
            return;
        }
        let grant = Grant { identity: identity.clone(), access, until: now + time, mark };
        self.grants.entry(key.hash).and_upsert_with(|entry| {
            let before = entry.map(|entry| entry.into_value()).unwrap_or_default();
            let mut grants: Vec<Grant> = before.iter().filter(|grant| grant.counts(now)).cloned().collect();
            if grants.len() >= GRANTS_MAX {
                grants.remove(0);
            }
            grants.push(grant);
            Arc::new(grants)
        });
    }

    /// Forgets every grant that hangs on this key, those under way included.
    pub(super) fn forget(&self, cache_key: Option<&str>) {
        let Some(cache_key) = cache_key else { return };
        self.revocations.fetch_add(1, SeqCst);
        if let Some(mark) = self.marks().remove(cache_key).and_then(|mark| mark.upgrade()) {
            mark.revoked.store(true, SeqCst);
        }
    }

    fn mark(&self, cache_key: &str) -> Arc<Mark> {
        let mut marks = self.marks();
        if let Some(mark) = marks.get(cache_key).and_then(Weak::upgrade) {
            return mark;
        }
        // Those whose grants have gone; doubling keeps the sweeps rare.
        if marks.len() >= 64 && marks.len().is_power_of_two() {
            marks.retain(|_, mark| mark.strong_count() > 0);
        }
        let mark = Arc::new(Mark::default());
        marks.insert(cache_key.to_owned(), Arc::downgrade(&mark));
        mark
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, HashMap<String, Weak<Mark>>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of the wanted access was not granted. `all` on a resource is every action on it, as `*` is in the scopes of tokens.
pub(super) fn missing<'a>(wanted: &'a [Access], granted: &[Access]) -> Vec<&'a Access> {
    let allows = |wanted: &Access, granted: &Access| {
        wanted.resource == granted.resource && (granted.action == wanted.action || granted.action == Action::All)
    };
    wanted.iter().filter(|wanted| !granted.iter().any(|granted| allows(wanted, granted))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Resource;

    fn access(name: &str, action: Action) -> Access {
        Access { resource: Resource::Repository(name.to_owned()), action }
    }

    fn context(token: &str, headers: &[(&str, &str)]) -> wit::RequestContext {
        wit::RequestContext {
            method: "GET".to_owned(),
            path: "/v2/".to_owned(),
            credentials: wit::Credentials::Bearer(token.to_owned()),
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            peer: None,
            scheme: "https".to_owned(),
            host: "registry.example".to_owned(),
            now_ms: 0,
            request_id: String::new(),
            attributes: Vec::new(),
        }
    }

    fn decisions() -> Decisions {
        Decisions::new(&PluginLimits::default()).unwrap()
    }

    fn ann() -> Identity {
        Identity { name: "ann".to_owned() }
    }

    #[test]
    fn a_grant_counts_for_its_credentials_headers_version_access_and_time() {
        let decisions = decisions();
        let (pull, push) = ([access("a", Action::Pull)], [access("a", Action::Push)]);
        let (other_header, other_token) = (context("t", &[("x-team", "b")]), context("u", &[("x-team", "a")]));
        let (one, now) = (context("t", &[("x-team", "a")]), Instant::now());
        decisions.remember(decisions.key(1, &one), &ann(), pull.to_vec(), Some(1000), None);
        let recall = |version, context, wanted, now| decisions.recall(&decisions.key(version, context), wanted, now);
        assert_eq!(recall(1, &one, &pull, now), Some(ann()));
        assert_eq!(recall(1, &one, &[], now), Some(ann()));
        assert_eq!(recall(1, &one, &push, now), None, "more than was granted");
        assert_eq!(recall(2, &one, &pull, now), None, "another version");
        assert_eq!(recall(1, &other_header, &pull, now), None, "another header");
        assert_eq!(recall(1, &other_token, &pull, now), None, "another token");
        assert_eq!(recall(1, &one, &pull, now + Duration::from_secs(2)), None, "too late");
    }

    #[test]
    fn nothing_is_remembered_without_a_time_and_never_longer_than_allowed() {
        let decisions = decisions();
        let (one, pull) = (context("t", &[]), [access("a", Action::Pull)]);
        for time in [None, Some(0)] {
            decisions.remember(decisions.key(1, &one), &ann(), pull.to_vec(), time, None);
            assert_eq!(decisions.recall(&decisions.key(1, &one), &pull, Instant::now()), None);
        }
        decisions.remember(decisions.key(1, &one), &ann(), pull.to_vec(), Some(u32::MAX), None);
        let later = Instant::now() + Duration::from_secs(301);
        assert_eq!(decisions.recall(&decisions.key(1, &one), &pull, later), None);
    }

    #[test]
    fn a_refusal_with_the_same_cache_key_makes_every_grant_forgotten() {
        let decisions = decisions();
        let pull = [access("a", Action::Pull)];
        let (one, two, other) = (context("t", &[]), context("u", &[]), context("v", &[]));
        for (context, cache_key) in [(&one, "ann"), (&two, "ann"), (&other, "bob")] {
            decisions.remember(decisions.key(1, context), &ann(), pull.to_vec(), Some(1000), Some(cache_key));
        }
        decisions.forget(Some("ann"));
        decisions.forget(None);
        let recall = |context| decisions.recall(&decisions.key(1, context), &pull, Instant::now());
        assert_eq!(recall(&one), None);
        assert_eq!(recall(&two), None);
        assert_eq!(recall(&other), Some(ann()));
        decisions.remember(decisions.key(1, &one), &ann(), pull.to_vec(), Some(1000), Some("ann"));
        assert_eq!(recall(&one), Some(ann()), "what is granted afterwards counts");
    }

    #[test]
    fn a_grant_that_was_overtaken_by_a_refusal_is_not_remembered() {
        let decisions = decisions();
        let (one, pull) = (context("t", &[]), [access("a", Action::Pull)]);
        let asked = decisions.key(1, &one);
        decisions.forget(Some("ann"));
        decisions.remember(asked, &ann(), pull.to_vec(), Some(1000), Some("ann"));
        assert_eq!(decisions.recall(&decisions.key(1, &one), &pull, Instant::now()), None);
    }

    #[test]
    fn grants_for_several_repositories_stand_beside_each_other_up_to_a_number() {
        let decisions = decisions();
        let one = context("t", &[]);
        let pull = |number: usize| vec![access(&format!("r{number}"), Action::Pull)];
        for number in 0..=GRANTS_MAX {
            decisions.remember(decisions.key(1, &one), &ann(), pull(number), Some(1000), None);
        }
        let recall = |number| decisions.recall(&decisions.key(1, &one), &pull(number), Instant::now());
        assert_eq!(recall(0), None, "the oldest went");
        assert_eq!(recall(1), Some(ann()));
        assert_eq!(recall(GRANTS_MAX), Some(ann()));
    }

    #[test]
    fn all_on_a_resource_is_every_action_on_it() {
        let wanted = [access("a", Action::Pull), access("a", Action::Push), access("b", Action::Pull)];
        let missing = missing(&wanted, &[access("a", Action::All)]);
        assert_eq!(missing, [&wanted[2]]);
    }
}
