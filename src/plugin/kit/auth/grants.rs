//! What holds for every grant: the host answers later requests from it, so it must be true of those too.

use std::collections::HashMap;
use std::time::Instant;

use wharf_bindings::auth::wharf::auth::types as wit;

use super::super::report::Report;
use super::table::{Row, Table};
use super::{Provider, rows, shown, verdict};

/// A decision that is remembered for longer than a day outlives every change of mind.
const TIME_TO_LIVE_MS_MAX: u32 = 24 * 60 * 60 * 1000;
/// How much of what a grant names beyond what was wanted is asked for by itself.
const EXTRAS_MAX: usize = 16;

/// A request, what it wanted, and what came of it.
struct Granted {
    row: Row,
    wanted: Vec<wit::Access>,
    grant: wit::Grant,
}

pub(super) async fn run(provider: &Provider, table: &Table, report: &mut Report) {
    let start = Instant::now();
    let granted = granted(provider, table).await;
    let (granted, seen) = match granted {
        Ok(granted) => (granted, Ok(())),
        Err(seen) => (Vec::new(), Err(seen)),
    };
    let seen = seen.and_then(|()| granted.iter().try_for_each(complete));
    let contract = "a grant holds all that was wanted, and is remembered for a day at most";
    report.add(contract, verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = nothing_for_free(provider, &granted).await;
    let contract = "what a grant names beyond what was wanted is granted to whoever asks for it";
    report.add(contract, verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = lasting(provider, &granted).await;
    report.add("a grant holds for as long as it is to be remembered", verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = apart(&granted);
    report.add("no two identities share a cache-key", verdict(seen), start.elapsed());
}

/// Every grant that the author's requests get.
async fn granted(provider: &Provider, table: &Table) -> Result<Vec<Granted>, String> {
    let mut all = Vec::new();
    for row in rows(table) {
        let wanted = row.access()?;
        if let Ok(wit::Decision::Granted(grant)) = provider.ask(&row.context(), &wanted).await? {
            all.push(Granted { row, wanted, grant });
        }
    }
    Ok(all)
}

fn complete(Granted { row, wanted, grant }: &Granted) -> Result<(), String> {
    if let Some(missing) = wanted.iter().find(|access| !holds(&grant.access, access)) {
        return Err(format!("{:?} is granted without {missing:?}, so the host refuses it", row.name));
    }
    match grant.time_to_live_ms.filter(|ms| *ms > TIME_TO_LIVE_MS_MAX) {
        Some(ms) => Err(format!("{:?} is to be remembered for {ms} ms", row.name)),
        None => Ok(()),
    }
}

/// The host answers from it: what is named without having been wanted must be what would be said to whoever wants it.
async fn nothing_for_free(provider: &Provider, granted: &[Granted]) -> Result<(), String> {
    for Granted { row, wanted, grant } in granted {
        let extras = grant.access.iter().filter(|access| !holds(wanted, access));
        for extra in extras.take(EXTRAS_MAX) {
            let answer = provider.ask(&row.context(), std::slice::from_ref(extra)).await?;
            if !matches!(answer, Ok(wit::Decision::Granted(_))) {
                let shown = shown(&answer);
                return Err(format!(
                    "{:?} is granted {extra:?} as well, and asking for that alone is {shown}",
                    row.name
                ));
            }
        }
    }
    Ok(())
}

/// The same question, asked when the grant is nearly forgotten.
async fn lasting(provider: &Provider, granted: &[Granted]) -> Result<(), String> {
    for Granted { row, wanted, grant } in granted {
        let Some(ms) = grant.time_to_live_ms.filter(|ms| *ms > 1) else { continue };
        let now = row.context();
        let then = wit::RequestContext { now_ms: now.now_ms.saturating_add(u64::from(ms) - 1), ..now };
        let answer = provider.ask(&then, wanted).await?;
        if !matches!(answer, Ok(wit::Decision::Granted(_))) {
            let shown = shown(&answer);
            return Err(format!("{:?} is to be remembered for {ms} ms, and a moment before that is {shown}", row.name));
        }
    }
    Ok(())
}

/// A refusal with a cache-key makes the host forget every grant under it: those of others too, where it is shared.
fn apart(granted: &[Granted]) -> Result<(), String> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    for Granted { grant, .. } in granted {
        let Some(key) = grant.cache_key.as_deref() else { continue };
        let name = grant.identity.name.as_str();
        let first = *names.entry(key).or_insert(name);
        if first != name {
            return Err(format!(
                "{first:?} and {name:?} are both remembered under the cache-key {key:?}: refusing one forgets both"
            ));
        }
    }
    Ok(())
}

fn holds(all: &[wit::Access], access: &wit::Access) -> bool {
    all.iter().any(|one| same(&one.on, &access.on) && one.action == access.action)
}

fn same(one: &wit::ResourceName, other: &wit::ResourceName) -> bool {
    match (one, other) {
        (wit::ResourceName::Repository(one), wit::ResourceName::Repository(other)) => one == other,
        (wit::ResourceName::Catalog, wit::ResourceName::Catalog) => true,
        _ => false,
    }
}
