//! One credential for all requests, fetched anew before it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::opendal::{Error, ErrorKind, Result};
use arc_swap::ArcSwapOption;
use reqsign_core::Context;
use reqsign_core::time::Timestamp;
use tokio::sync::Mutex;

use super::{Perishable, Refused, Sources};

/// A credential is renewed when it has this long to live, or a fifth of its life, whichever is less.
const RENEWED_BEFORE_MAX: Duration = Duration::from_secs(300);
/// How long to wait after a failed renewal while the old credential is still good.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);
/// How long a failure counts for those who come after it.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// A credential that a service refuses is thrown away only if it is older than this: a new one will not be better.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);

/// What the sources have given.
pub(in super::super) struct Renewed<K> {
    sources: Sources<K>,
    context: Context,
    held: ArcSwapOption<Held<K>>,
    /// One fetch at a time; and what came of the last one, if it failed.
    fetching: Mutex<Option<(Instant, Refused)>>,
}

struct Held<K> {
    credential: K,
    fetched: Instant,
    /// When to fetch the next one, and when this one ends.
    times: Option<(Timestamp, Timestamp)>,
}

impl<K> Held<K> {
    fn is_fresh(&self) -> bool {
        self.times.is_none_or(|(renewed, _)| Timestamp::now() < renewed)
    }

    fn is_good(&self) -> bool {
        self.times.is_none_or(|(_, ends)| Timestamp::now() < ends)
    }
}

impl<K: Perishable> Renewed<K> {
    /// Nothing is fetched yet.
    pub(in super::super) fn new(sources: Sources<K>, context: Context) -> Self {
        Self { sources, context, held: ArcSwapOption::empty(), fetching: Mutex::default() }
    }

    /// What signers need beside it.
    pub(in super::super) fn context(&self) -> &Context {
        &self.context
    }

    /// The credential of now.
    pub(in super::super) async fn current(&self) -> Result<K> {
        match self.held.load_full() {
            Some(held) if held.is_fresh() => Ok(held.credential.clone()),
            Some(held) if held.is_good() => Ok(self.renewed(&held).await),
            _ => self.fetched().await,
        }
    }

    /// Throws the credential away, because a service has refused it. Tells whether another one may be better: one that has no
    /// end was given by the configuration, and would be the same.
    pub(in super::super) fn forget(&self) -> bool {
        let held = self.held.load_full();
        let old = held.filter(|held| held.times.is_some() && held.fetched.elapsed() >= FORGOTTEN_AFTER);
        if let Some(old) = &old {
            // Another request may have renewed it already; what that one fetched stays.
            self.held.compare_and_swap(old, None);
        }
        old.is_some()
    }

    /// One of those who come fetches the next one; the others go on with what is still good, and so does he if he fails.
    async fn renewed(&self, held: &Held<K>) -> K {
        let Ok(mut failure) = self.fetching.try_lock() else { return held.credential.clone() };
        let recently = failure.as_ref().is_some_and(|(at, _)| at.elapsed() < RENEWAL_PAUSE);
        let newer = self.held.load_full().filter(|held| held.is_fresh());
        match newer {
            Some(newer) => newer.credential.clone(),
            None if recently => held.credential.clone(),
            None => match self.fetch(&mut failure).await {
                Ok(credential) => credential,
                Err(refused) => {
                    tracing::warn!("the credentials of the store end soon and can't be renewed: {}", refused.sentence);
                    held.credential.clone()
                }
            },
        }
    }

    /// There is none: everybody waits for the one that is fetched.
    async fn fetched(&self) -> Result<K> {
        let mut failure = self.fetching.lock().await;
        if let Some(held) = self.held.load_full().filter(|held| held.is_good()) {
            return Ok(held.credential.clone());
        }
        let refused = match failure.as_ref().filter(|(at, _)| at.elapsed() < FAILURE_PAUSE) {
            Some((_, refused)) => refused.clone(),
            None => match self.fetch(&mut failure).await {
                Ok(credential) => return Ok(credential),
                Err(refused) => refused,
            },
        };
        Err(Error::new(ErrorKind::PermissionDenied, refused.sentence).with_temporary(refused.may_pass))
    }

    async fn fetch(&self, failure: &mut Option<(Instant, Refused)>) -> std::result::Result<K, Refused> {
        match self.sources.fetch(&self.context).await {
            Ok(mut credential) => {
                let times = credential.take_end().map(times);
                tracing::debug!(
                    ends = times.map(|(_, ends)| ends.to_string()),
                    "credentials for the store were fetched"
                );
                let held = Held { credential: credential.clone(), fetched: Instant::now(), times };
                self.held.store(Some(Arc::new(held)));
                *failure = None;
                Ok(credential)
            }
            Err(mut refused) => {
                // What was there once may be there again.
                refused.may_pass |= self.held.load().is_some();
                *failure = Some((Instant::now(), refused.clone()));
                Err(refused)
            }
        }
    }
}

/// When to renew what ends then, and when it ends.
fn times(ends: Timestamp) -> (Timestamp, Timestamp) {
    let left = ends.as_system_time().duration_since(Timestamp::now().as_system_time()).unwrap_or_default();
    (ends - RENEWED_BEFORE_MAX.min(left / 5), ends)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reqsign_aws_v4::Credential;
    use reqsign_core::ProvideCredential;

    use super::*;

    /// Gives the n-th credential, which lives so long, or fails.
    #[derive(Debug)]
    struct Place {
        lives: Vec<Option<u64>>,
        asked: Arc<AtomicUsize>,
    }

    impl ProvideCredential for Place {
        type Credential = Credential;

        async fn provide_credential(&self, _: &Context) -> reqsign_core::Result<Option<Credential>> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let Some(Some(millis)) = self.lives.get(number) else {
                return Err(reqsign_core::Error::unexpected("the place is closed").set_retryable(true));
            };
            let ends = Timestamp::now() + Duration::from_millis(*millis);
            let (access_key_id, secret_access_key) = (number.to_string(), "secret".to_owned());
            Ok(Some(Credential { access_key_id, secret_access_key, session_token: None, expires_in: Some(ends) }))
        }
    }

    fn renewed(lives: &[Option<u64>]) -> (Renewed<Credential>, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let place = Place { lives: lives.to_vec(), asked: Arc::clone(&asked) };
        let sources = Sources::new("storage.s3.accesskey is empty").then("the place", place);
        (Renewed::new(sources, Context::new()), asked)
    }

    #[tokio::test]
    async fn many_requests_wait_for_one_fetch() {
        let (renewed, asked) = renewed(&[Some(3_600_000)]);
        let all = futures_util::future::join_all((0..50).map(|_| renewed.current())).await;
        assert!(
            all.iter().all(|one| one.as_ref().is_ok_and(|one| one.access_key_id == "0" && one.expires_in.is_none()))
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_old_one_is_used_as_long_as_it_is_good_and_the_next_one_can_not_be_had() {
        let (renewed, asked) = renewed(&[Some(3_600_000), None, Some(3_600_000)]);
        renewed.current().await.unwrap();
        // As if it were near its end.
        let held = renewed.held.load_full().unwrap();
        let (_, ends) = held.times.unwrap();
        let near =
            Held { credential: held.credential.clone(), fetched: held.fetched, times: Some((Timestamp::now(), ends)) };
        renewed.held.store(Some(Arc::new(near)));
        assert_eq!(renewed.current().await.unwrap().access_key_id, "0");
        assert_eq!(renewed.current().await.unwrap().access_key_id, "0");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "the next one is asked for again at once");
        *renewed.fetching.lock().await = None;
        assert_eq!(renewed.current().await.unwrap().access_key_id, "2");
    }

    #[tokio::test]
    async fn without_any_the_sentence_tells_what_was_tried() {
        let (renewed, asked) = renewed(&[]);
        let all = futures_util::future::join_all((0..50).map(|_| renewed.current())).await;
        for one in all {
            let error = one.unwrap_err();
            assert!(error.is_temporary() && error.message().contains("the place: the place is closed"), "{error}");
            assert!(error.message().starts_with("storage.s3.accesskey is empty"), "{error}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "those who waited ask again");
    }

    #[test]
    fn a_short_life_is_used_for_four_fifths() {
        let now = Timestamp::now();
        let (renewed, ends) = times(now + Duration::from_secs(10));
        assert!(renewed > now + Duration::from_secs(7) && renewed < ends);
        let (renewed, ends) = times(now + Duration::from_secs(36_000));
        assert_eq!(renewed, ends - RENEWED_BEFORE_MAX);
    }
}
