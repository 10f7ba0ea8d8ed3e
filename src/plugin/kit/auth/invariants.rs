//! What holds for every auth provider, whatever its rules are.

use std::time::Instant;

use wharf_bindings::auth::wharf::auth::types as wit;

use super::super::report::Report;
use super::table::{Row, Table};
use super::{Provider, grants, rows, shown, verdict};

/// The length of the longest texts that are tried, in bytes.
const LONG: usize = 64 * 1024;

/// What was seen, when it is not what the contract says.
type Seen = Result<(), String>;

pub(super) async fn run(provider: &Provider, table: &Table, report: &mut Report) {
    let start = Instant::now();
    let seen = asks_who(provider).await;
    report.add("whoever only asks who is there gets an answer", verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = garbage(provider).await;
    report.add("credentials that are nonsense are never granted more than none are", verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = repeated(provider, table).await;
    report.add("the same request gets the same decision again", verdict(seen), start.elapsed());
    grants::run(provider, table, report).await;
    let start = Instant::now();
    let seen = hostile(provider).await;
    report.add("no request makes it trap, however odd", verdict(seen), start.elapsed());
}

async fn asks_who(provider: &Provider) -> Seen {
    let answer = provider.ask(&Row::default().context(), &[]).await?;
    match &answer {
        Ok(wit::Decision::Challenge(challenge)) => {
            let text = &challenge.www_authenticate;
            let is_scheme = ["Basic ", "Bearer "].iter().any(|scheme| text.starts_with(scheme));
            let is_header = http::HeaderValue::try_from(text).is_ok();
            if is_scheme && is_header { Ok(()) } else { Err(format!("a challenge no client understands: {text:?}")) }
        }
        Ok(_) => Ok(()),
        Err(_) => Err(shown(&answer)),
    }
}

fn pull() -> Vec<wit::Access> {
    let on = wit::ResourceName::Repository("conformance/kit".to_owned());
    vec![wit::Access { on, action: wit::Action::Pull }]
}

fn push() -> Vec<wit::Access> {
    let on = wit::ResourceName::Repository("conformance/kit".to_owned());
    vec![wit::Access { on, action: wit::Action::Push }]
}

async fn garbage(provider: &Provider) -> Seen {
    let basic = |username: &str, password: &str| {
        wit::Credentials::Basic(wit::Basic { username: username.to_owned(), password: password.to_owned() })
    };
    let nonsense = [
        basic("no-such-user-b3b0c442", "no-such-password-98fc1c14"),
        basic("", "password-without-a-user"),
        basic("user-without-a-password", ""),
        basic("\u{0}\n\r:", "\u{FFFD}"),
        wit::Credentials::Bearer("not.a.token".to_owned()),
        wit::Credentials::Bearer(String::new()),
        // {"alg":"none"} and {"sub":"admin"}, unsigned.
        wit::Credentials::Bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.".to_owned()),
        wit::Credentials::Unusable("not a scheme that is known".to_owned()),
    ];
    for wanted in [Vec::new(), pull(), push()] {
        let anonymous = provider.ask(&Row::default().context(), &wanted).await?;
        if matches!(anonymous, Ok(wit::Decision::Granted(_))) {
            continue;
        }
        for credentials in &nonsense {
            let context = wit::RequestContext { credentials: credentials.clone(), ..Row::default().context() };
            let answer = provider.ask(&context, &wanted).await?;
            if matches!(answer, Ok(wit::Decision::Granted(_))) {
                return Err(format!(
                    "{credentials:?} is {}, where no credentials are {}",
                    shown(&answer),
                    shown(&anonymous)
                ));
            }
        }
    }
    Ok(())
}

async fn repeated(provider: &Provider, table: &Table) -> Seen {
    for row in rows(table) {
        let wanted = row.access()?;
        let first = provider.ask(&row.context(), &wanted).await?;
        let second = provider.ask(&row.context(), &wanted).await?;
        // A challenge may have a nonce in it.
        if super::kind(&first) != super::kind(&second) {
            return Err(format!("{:?} is first {}, then {}", row.name, shown(&first), shown(&second)));
        }
    }
    Ok(())
}

async fn hostile(provider: &Provider) -> Seen {
    let long = "x".repeat(LONG);
    let base = Row::default().context();
    let basic = |username: String, password: String| wit::Credentials::Basic(wit::Basic { username, password });
    let odd = [
        wit::RequestContext { method: "BREW".to_owned(), ..base.clone() },
        wit::RequestContext { path: format!("/v2/{long}"), ..base.clone() },
        wit::RequestContext { path: "/v2/../../etc/passwd\u{0}".to_owned(), ..base.clone() },
        wit::RequestContext { headers: vec![("x-long".to_owned(), long.clone()); 16], ..base.clone() },
        wit::RequestContext { headers: vec![("x\r\ny".to_owned(), "\u{0}\u{FFFD}".to_owned())], ..base.clone() },
        wit::RequestContext { host: String::new(), peer: None, scheme: String::new(), ..base.clone() },
        wit::RequestContext { peer: Some("not an address".to_owned()), ..base.clone() },
        wit::RequestContext { now_ms: 0, ..base.clone() },
        wit::RequestContext { now_ms: u64::MAX, ..base.clone() },
        wit::RequestContext { attributes: vec![("of-a-later-version".to_owned(), long.clone())], ..base.clone() },
        wit::RequestContext { credentials: basic(long.clone(), long.clone()), ..base.clone() },
        wit::RequestContext { credentials: wit::Credentials::Bearer(long.clone()), ..base.clone() },
        wit::RequestContext { credentials: wit::Credentials::Bearer("a.b".to_owned()), ..base.clone() },
        wit::RequestContext { credentials: wit::Credentials::Bearer("é.😀.\u{0}".to_owned()), ..base.clone() },
    ];
    let names = ["", "..", "a//b", "UPPER", "repository:with:colons", "*", "é😀"];
    let many: Vec<wit::Access> = names
        .iter()
        .flat_map(|name| {
            let on = wit::ResourceName::Repository((*name).to_owned());
            [wit::Action::Pull, wit::Action::Delete, wit::Action::All]
                .map(|action| wit::Access { on: on.clone(), action })
        })
        .chain([wit::Access { on: wit::ResourceName::Catalog, action: wit::Action::All }])
        .collect();
    for context in &odd {
        for wanted in [&[][..], &many] {
            // An error of its own is an answer too.
            let _ = provider.ask(context, wanted).await?;
        }
    }
    Ok(())
}
