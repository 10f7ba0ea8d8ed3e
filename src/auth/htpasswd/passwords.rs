//! Which passwords have been verified, and how many are being verified at once.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::super::credential::Basic;
use super::super::keyed_hash::KeyedHash;
use super::table::Table;

/// How many requests may wait for their turn at bcrypt. Those whose password is remembered don't.
const WAITING_MAX: usize = 256;

/// How long a request waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(20);

pub(super) struct Passwords {
    hash: KeyedHash,
    /// Hashes of user, password and stored hash: an entry stops to count when the user's line in the file changes.
    verified: Cache<[u8; 32], ()>,
    /// Those who wait and those who are served.
    places: Semaphore,
    /// Those who are served. bcrypt is nothing but CPU: half of the cores go on answering those who are known while somebody
    /// tries passwords.
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Fails when the system gives no random numbers.
    pub(super) fn new(remembered_max: u64) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_turns(remembered_max, (cores / 2).max(1), WAITING_MAX)
    }

    fn with_turns(remembered_max: u64, turns: usize, waiting_max: usize) -> Result<Self, String> {
        Ok(Self {
            hash: KeyedHash::new()?,
            verified: Cache::new(remembered_max),
            places: Semaphore::new(turns + waiting_max),
            turns: Arc::new(Semaphore::new(turns)),
        })
    }

    /// Whether this password has been verified against the hash that the user has now.
    pub(super) fn remembers(&self, users: &Table, basic: &Basic) -> bool {
        users.hash(&basic.user).is_some_and(|hash| self.verified.get(&self.proof(basic, hash)).is_some())
    }

    /// Verifies a password with bcrypt, when a turn is free. Fails when too many wait already, or after [`WAIT_MAX`].
    pub(super) async fn verify(self: &Arc<Self>, users: Arc<Table>, basic: Basic) -> Result<bool, String> {
        let _place = self.places.try_acquire().map_err(|_| "too many passwords wait to be checked".to_owned())?;
        let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| format!("a password waited {WAIT_MAX:?} to be checked"))?;
        let turn = turn.map_err(|error| error.to_string())?;
        // A client opens several connections at once with the same password: the first to get a turn has done the work.
        if self.remembers(&users, &basic) {
            return Ok(true);
        }
        let passwords = Arc::clone(self);
        let check = move || {
            // Held to the end of the work, also when the client has gone meanwhile.
            let _turn = turn;
            let verified = users.verify(&basic.user, &basic.password);
            if let Some(hash) = users.hash(&basic.user).filter(|_| verified) {
                passwords.verified.insert(passwords.proof(&basic, hash), ());
            }
            verified
        };
        tokio::task::spawn_blocking(check).await.map_err(|error| error.to_string())
    }

    fn proof(&self, basic: &Basic, hash: &str) -> [u8; 32] {
        self.hash.of(&[basic.user.as_bytes(), &basic.password, hash.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Basic {
        Basic { user: user.to_owned(), password: password.into() }
    }

    fn users(password: &str) -> Arc<Table> {
        let hash = bcrypt::hash(password, 4).unwrap();
        Arc::new(Table::parse(format!("ci:{hash}").as_bytes()).0)
    }

    #[tokio::test]
    async fn only_what_was_verified_is_remembered_and_only_for_the_same_hash() {
        let passwords = Arc::new(Passwords::new(100).unwrap());
        let (before, after) = (users("a"), users("a"));
        assert!(!passwords.verify(Arc::clone(&before), basic("ci", "b")).await.unwrap());
        assert!(!passwords.remembers(&before, &basic("ci", "b")));
        assert!(!passwords.remembers(&before, &basic("ci", "a")));
        assert!(passwords.verify(Arc::clone(&before), basic("ci", "a")).await.unwrap());
        assert!(passwords.remembers(&before, &basic("ci", "a")));
        assert!(!passwords.remembers(&before, &basic("ci", "b")));
        assert!(!passwords.remembers(&after, &basic("ci", "a")), "the same password under a new salt");
        assert!(!passwords.remembers(&Table::parse(b"").0, &basic("ci", "a")), "the user is gone");
    }

    #[tokio::test]
    async fn who_finds_no_place_is_sent_away_and_who_is_known_is_not() {
        let passwords = Arc::new(Passwords::with_turns(100, 1, 0).unwrap());
        let users = users("a");
        assert!(passwords.verify(Arc::clone(&users), basic("ci", "a")).await.unwrap());
        let place = passwords.places.try_acquire().unwrap();
        let refused = passwords.verify(Arc::clone(&users), basic("ci", "b")).await;
        assert!(refused.unwrap_err().contains("too many"));
        assert!(passwords.remembers(&users, &basic("ci", "a")));
        drop(place);
        assert!(!passwords.verify(users, basic("ci", "b")).await.unwrap());
    }
}
