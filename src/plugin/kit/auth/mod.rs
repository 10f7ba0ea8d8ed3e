//! The kit of auth providers: the author's own table of requests, and what holds for every provider.

mod grants;
mod invariants;
pub mod table;

use std::sync::Arc;
use std::time::Instant;

use wharf_bindings::auth::wharf::auth::types as wit;

use super::report::{Report, Verdict};
use crate::config::plugin::Plugin;
use crate::plugin::auth::AuthWorld;
use crate::plugin::host::{Host, OpenError};
use crate::plugin::slot::Slot;
use table::{Expect, Row, Table};

/// The world, as reports name it.
pub const WORLD: &str = "wharf:auth/auth-provider";

/// Runs the kit.
///
/// # Errors
/// When the component can't even be loaded; that says what to mend.
pub async fn run(host: &Host, plugin: &Plugin, table: &Table) -> Result<Report, OpenError> {
    let mut report = Report::new(&plugin.component, WORLD);
    let provider = Provider::open(host, plugin).await?;
    for row in &table.request {
        let start = Instant::now();
        let context = row.context();
        let name = if row.name.is_empty() { format!("{} {}", context.method, context.path) } else { row.name.clone() };
        let seen = provider.as_expected(row).await;
        report.add(name, verdict(seen), start.elapsed());
    }
    if table.request.is_empty() {
        let why = "there is no plugin-tests.toml beside the component; write one with a [[request]] for each rule";
        report.add("the author's own requests", Verdict::NotTried(why.to_owned()), std::time::Duration::ZERO);
    }
    invariants::run(&provider, table, &mut report).await;
    Ok(report)
}

fn verdict(seen: Result<(), String>) -> Verdict {
    seen.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

/// A provider that is asked directly: what it says is looked at before the host makes anything of it.
pub struct Provider {
    slot: Arc<Slot<AuthWorld>>,
}

impl Provider {
    /// Loads it.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn open(host: &Host, plugin: &Plugin) -> Result<Self, OpenError> {
        let mut patient = plugin.clone();
        patient.limits.failures_max = u32::MAX;
        Ok(Self { slot: host.open::<AuthWorld>("auth", &patient).await? })
    }

    /// What it says; the text tells a trap or a deadline.
    ///
    /// # Errors
    /// When the component did not answer.
    pub async fn ask(
        &self,
        context: &wit::RequestContext,
        wanted: &[wit::Access],
    ) -> Result<Result<wit::Decision, wit::Error>, String> {
        let asked = async {
            let mut lease = self.slot.lease().await?;
            let (call, store, guest) = lease.begin("authorize")?;
            call.run(guest.provider.wharf_auth_provider().call_authorize(store, context, wanted)).await
        };
        asked.await.map_err(|error: crate::plugin::PluginError| error.to_string())
    }

    async fn as_expected(&self, row: &Row) -> Result<(), String> {
        let wanted = row.access()?;
        let answer = self.ask(&row.context(), &wanted).await?;
        let seen = shown(&answer);
        if row.expect.is_some_and(|expected| expected != kind(&answer)) {
            return Err(seen);
        }
        let (who, text) = match &answer {
            Ok(wit::Decision::Granted(grant)) => (Some(&grant.identity.name), None),
            Ok(wit::Decision::Challenge(challenge)) => (None, Some(&challenge.www_authenticate)),
            Ok(wit::Decision::Denied(denial)) => (None, Some(&denial.reason)),
            Err(wit::Error::Unavailable(reason) | wit::Error::Other(reason)) => (None, Some(reason)),
        };
        let is_who = row.identity.as_ref().is_none_or(|wanted| who == Some(wanted));
        let holds = row.contains.as_ref().is_none_or(|part| text.is_some_and(|text| text.contains(part)));
        if is_who && holds { Ok(()) } else { Err(seen) }
    }
}

/// The author's requests, and one without credentials.
fn rows(table: &Table) -> impl Iterator<Item = Row> + '_ {
    let nobody = Row { name: "no credentials".to_owned(), ..Row::default() };
    table.request.iter().cloned().chain([nobody])
}

fn kind(answer: &Result<wit::Decision, wit::Error>) -> Expect {
    match answer {
        Ok(wit::Decision::Granted(_)) => Expect::Granted,
        Ok(wit::Decision::Challenge(_)) => Expect::Challenge,
        Ok(wit::Decision::Denied(_)) => Expect::Denied,
        Err(_) => Expect::Error,
    }
}

/// An answer, for people.
pub fn shown(answer: &Result<wit::Decision, wit::Error>) -> String {
    match answer {
        Ok(wit::Decision::Granted(grant)) => format!("granted to {:?}", grant.identity.name),
        Ok(wit::Decision::Challenge(challenge)) => format!("challenge with {:?}", challenge.www_authenticate),
        Ok(wit::Decision::Denied(denial)) => format!("denied: {:?}", denial.reason),
        Err(wit::Error::Unavailable(reason)) => format!("error: unavailable: {reason:?}"),
        Err(wit::Error::Other(reason)) => format!("error: {reason:?}"),
    }
}
