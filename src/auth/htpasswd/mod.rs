//! `htpasswd`: users and passwords in a file of bcrypt hashes.
//!
//! Everybody in the file may do everything; [`rules`](super::rules) say otherwise. The file may be changed while the server
//! runs. A password that bcrypt has verified is remembered, so that only the first request of a client pays for bcrypt.

mod create;
mod passwords;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::passwords::Passwords;
pub use self::table::{Remark, Table};
use super::challenge::{check_quotable, quoted};
use super::credential::{Basic, Credential};
use super::watched::{Content, Watched};
use super::{AuthError, AuthProvider, AuthRequest, Decision, Identity, SetupError};

const NAME: &str = "htpasswd";
const PATH_KEY: &str = "auth.htpasswd.path";

/// How big the file may be: some 200,000 users.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// For how long a change of the file may go unseen by somebody whose password is remembered. Everybody else is checked against
/// the file as it is.
const FILE_AGE_MAX: Duration = Duration::from_millis(10);

/// What `htpasswd` needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a client shows when it asks for the password.
    pub realm: String,
    /// The file. When it is missing at the start, it is made, with one user `docker` whose random password goes to the log.
    pub path: PathBuf,
    /// How many verified passwords are remembered at most. Forgetting one costs one bcrypt; zero remembers none.
    pub verified_entries_max: u64,
}

/// Checks users and passwords against an htpasswd file.
pub struct Htpasswd {
    challenge: String,
    file: Watched<Table>,
    passwords: Arc<Passwords>,
}

impl Htpasswd {
    /// Reads the file, or makes it. Blocks; meant for the start of the server.
    ///
    /// Fails when the realm can't stand in a header, or the file can neither be read nor made.
    pub fn open(options: Options) -> Result<Self, SetupError> {
        check_quotable("auth.htpasswd.realm", &options.realm)?;
        create::if_missing(&options.path).map_err(|problem| SetupError::new(PATH_KEY, problem))?;
        let shown = options.path.display().to_string();
        let parse = move |file: &[u8]| {
            let (table, remarks) = Table::parse(file);
            for remark in remarks {
                tracing::warn!(file = shown, line = remark.line, "htpasswd line grants nothing: {}", remark.problem);
            }
            tracing::info!(file = shown, users = table.user_count(), "htpasswd file read");
            Ok(table)
        };
        let file = Watched::open(&options.path, FILE_BYTES_MAX, parse).map_err(|problem| {
            let mend = "make it a file that the server's user can read";
            SetupError::new(PATH_KEY, format!("{problem}; {mend}"))
        })?;
        let passwords = Passwords::new(options.verified_entries_max);
        let passwords = Arc::new(passwords.map_err(|problem| SetupError::new("auth.htpasswd", problem))?);
        Ok(Self { challenge: format!("Basic realm={}", quoted(&options.realm)), file, passwords })
    }

    async fn users(&self, age_max: Duration) -> Result<Arc<Table>, AuthError> {
        match self.file.get(age_max).await {
            Content { value, problem: None, .. } => Ok(value),
            Content { problem: Some(problem), .. } => Err(error(problem.to_string())),
        }
    }

    async fn verify(&self, basic: Basic) -> Result<bool, AuthError> {
        if let Ok(users) = self.users(FILE_AGE_MAX).await
            && self.passwords.remembers(&users, &basic)
        {
            return Ok(true);
        }
        let users = self.users(Duration::ZERO).await?;
        self.passwords.verify(users, basic).await.map_err(error)
    }

    fn refuse(&self, reason: impl Into<String>) -> Decision {
        Decision::Challenge { www_authenticate: self.challenge.clone(), reason: reason.into() }
    }
}

#[async_trait]
impl AuthProvider for Htpasswd {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        let credential = Credential::of(request.headers);
        let empty = credential.is_empty();
        let basic = match credential {
            Credential::Basic(basic) if !empty => basic,
            Credential::Basic(_) | Credential::Absent => return Ok(self.refuse("no credential was sent")),
            Credential::Bearer(_) => return Ok(self.refuse("a Bearer token was sent where Basic is wanted")),
            Credential::Unusable(why) => return Ok(self.refuse(why)),
        };
        let name = basic.user.clone();
        if self.verify(basic).await? {
            return Ok(Decision::Granted { identity: Identity { name }, time_to_live: None });
        }
        Ok(self.refuse(format!("the password for user {name:?} is wrong, or there is no such user")))
    }
}

fn error(reason: String) -> AuthError {
    AuthError { provider: NAME, reason }
}
