//! Rules over a provider that plays its part by the header: nothing → challenge, `Basic user:right` → granted, else challenge.

use super::*;
use crate::auth::none::Open;
use crate::auth::testing::{Request, access, catalog, challenged, granted, pull, push};
use crate::auth::{Action, Resource};

struct Passwords;

#[async_trait]
impl AuthProvider for Passwords {
    fn name(&self) -> &'static str {
        "passwords"
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        Ok(match Credential::of(request.headers) {
            Credential::Basic(basic) if basic.password == b"right" => {
                Decision::Granted { identity: Identity { name: basic.user }, time_to_live: None }
            }
            _ => Decision::Challenge { www_authenticate: "Basic".to_owned(), reason: "test".to_owned() },
        })
    }
}

fn rule(who: &str, repositories: &str, actions: &str) -> Rule {
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Rule { who: list(who), repositories: list(repositories), actions: list(actions) }
}

fn before(provider: impl AuthProvider, rules: &[Rule]) -> Arc<dyn AuthProvider> {
    AccessRules::before(Arc::new(provider), rules).unwrap()
}

/// "Anyone may pull public/**, only ci may push."
fn example() -> Arc<dyn AuthProvider> {
    before(Passwords, &[rule("*", "public/**", "pull"), rule("ci", "**", "push")])
}

async fn ask(provider: &Arc<dyn AuthProvider>, request: Request) -> Decision {
    provider.authorize(request.get()).await.unwrap()
}

fn is_denied(decision: &Decision) -> bool {
    matches!(decision, Decision::Denied { .. })
}

#[tokio::test]
async fn anyone_pulls_and_only_ci_pushes() {
    let rules = example();
    let wants_push = |name| [pull(name), push(name)];
    assert_eq!(granted(ask(&rules, Request::new(&[pull("public/app")])).await), "");
    assert_eq!(granted(ask(&rules, Request::new(&[pull("public/a/b")]).basic("dev", "right")).await), "dev");
    challenged(ask(&rules, Request::new(&[pull("private/app")])).await);
    challenged(ask(&rules, Request::new(&wants_push("public/app"))).await);
    assert!(is_denied(&ask(&rules, Request::new(&[pull("private/app")]).basic("dev", "right")).await));
    assert!(is_denied(&ask(&rules, Request::new(&wants_push("public/app")).basic("dev", "right")).await));
    for name in ["public/app", "private/app"] {
        assert_eq!(granted(ask(&rules, Request::new(&wants_push(name)).basic("ci", "right")).await), "ci");
        let delete = [access(name, Action::Delete)];
        assert!(is_denied(&ask(&rules, Request::new(&delete).basic("ci", "right")).await));
    }
}

#[tokio::test]
async fn every_access_of_a_request_needs_a_rule() {
    let rules = example();
    let mount = [pull("public/app"), push("public/app"), pull("private/base")];
    challenged(ask(&rules, Request::new(&mount)).await);
    challenged(ask(&rules, Request::new(&[pull("public/a"), pull("private/b")])).await);
    let Decision::Denied { reason } = ask(&rules, Request::new(&mount).basic("dev", "right")).await else { panic!() };
    let expected = "no access rule allows user \"dev\" repository:public/app:push repository:private/base:pull";
    assert_eq!(reason, expected);
}

#[tokio::test]
async fn a_wrong_credential_is_refused_even_where_anyone_may() {
    let rules = example();
    for request in [
        Request::new(&[pull("public/app")]).basic("ci", "wrong"),
        Request::new(&[pull("public/app")]).basic("", "wrong"),
        Request::new(&[pull("public/app")]).bearer("x"),
        Request::new(&[pull("public/app")]).authorization(""),
    ] {
        challenged(ask(&rules, request).await);
    }
}

#[tokio::test]
async fn an_empty_user_and_password_are_no_credential() {
    let rules = example();
    assert_eq!(granted(ask(&rules, Request::new(&[pull("public/app")]).basic("", "")).await), "");
    challenged(ask(&rules, Request::new(&[pull("private/app")]).basic("", "")).await);
}

#[tokio::test]
async fn the_base_route_is_challenged_so_that_logins_are_checked() {
    let rules = example();
    challenged(ask(&rules, Request::new(&[])).await);
    challenged(ask(&rules, Request::new(&[]).basic("dev", "wrong")).await);
    assert_eq!(granted(ask(&rules, Request::new(&[]).basic("dev", "right")).await), "dev");
}

#[tokio::test]
async fn an_open_registry_can_have_rules_too() {
    let rules = before(Open, &[rule("anonymous", "**", "pull")]);
    assert_eq!(granted(ask(&rules, Request::new(&[])).await), "");
    assert_eq!(granted(ask(&rules, Request::new(&[pull("a")]).basic("x", "y")).await), "");
    assert!(is_denied(&ask(&rules, Request::new(&[pull("a"), push("a")])).await));
}

#[tokio::test]
async fn authenticated_is_everybody_but_the_anonymous() {
    let rules = before(Passwords, &[rule("authenticated", "**", "pull")]);
    challenged(ask(&rules, Request::new(&[pull("a")])).await);
    assert_eq!(granted(ask(&rules, Request::new(&[pull("a")]).basic("dev", "right")).await), "dev");
}

#[tokio::test]
async fn without_rules_the_provider_alone_decides() {
    let provider = before(Passwords, &[]);
    challenged(ask(&provider, Request::new(&[pull("a")])).await);
    assert_eq!(granted(ask(&provider, Request::new(&[push("a")]).basic("dev", "right")).await), "dev");
}

#[test]
fn the_catalog_is_granted_by_its_own_action_or_by_everything_everywhere() {
    let cases = [
        ("**", "pull push delete", false),
        ("a/**", "*", false),
        ("**", "*", true),
        ("a b **", "*", true),
        ("a", "catalog", true),
    ];
    for (repositories, actions, expected) in cases {
        let grant = Grant::compile(&rule("ci", repositories, actions)).unwrap();
        assert_eq!(grant.allows("ci", &catalog()), expected, "{repositories} {actions}");
        assert!(!grant.allows("dev", &catalog()));
        assert!(!grant.allows("", &catalog()));
    }
    let catalog_only = Grant::compile(&rule("ci", "**", "catalog")).unwrap();
    assert!(!catalog_only.allows("ci", &pull("a")));
}

#[test]
fn globs_follow_the_components_of_a_name() {
    let cases = [
        ("public/**", "public/a", true),
        ("public/**", "public/a/b/c", true),
        ("public/**", "public", false),
        ("public/**", "publicity/a", false),
        ("public/**", "private/public/a", false),
        ("team/*", "team/a", true),
        ("team/*", "team/a/b", false),
        ("*", "a", true),
        ("*", "a/b", false),
        ("**", "a/b/c", true),
        ("**/app", "app", true),
        ("**/app", "a/b/app", true),
        ("**/app", "a/b/myapp", false),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("{a,b}/x-?", "b/x-1", true),
        ("[a-c]/x", "d/x", false),
        ("A/x", "a/x", false),
    ];
    for (glob, name, expected) in cases {
        let grant = Grant::compile(&rule("*", glob, "pull")).unwrap();
        assert_eq!(grant.allows("", &pull(name)), expected, "{glob} {name}");
    }
}

#[test]
fn a_name_that_is_none_is_granted_nothing_by_a_narrow_rule() {
    let grant = Grant::compile(&rule("*", "public/*", "pull")).unwrap();
    for name in ["", "/", "../private", "public/../private", "/public/a", "public//a", "public/a/", "PUBLIC/a"] {
        assert!(!grant.allows("", &pull(name)), "{name}");
    }
}

#[test]
fn everything_on_a_repository_needs_all_three_actions() {
    let all = Access { resource: Resource::Repository("a".to_owned()), action: Action::All };
    assert!(Grant::compile(&rule("*", "a", "push delete")).unwrap().allows("", &all));
    assert!(!Grant::compile(&rule("*", "a", "push")).unwrap().allows("", &all));
}

#[test]
fn a_rule_that_can_not_be_understood_is_named() {
    let cases = [
        (rule("", "a", "pull"), "`who` is empty"),
        (rule("a", "", "pull"), "`repositories` is empty"),
        (rule("a", "a", ""), "`actions` is empty"),
        (rule("a", "a", "pull read"), "\"read\" is no action"),
        (rule("a", "[a", "pull"), "\"[a\" is no glob"),
        (rule("a", "team**", "pull"), "whole component"),
    ];
    for (bad, word) in cases {
        let rules = [rule("*", "**", "pull"), bad];
        let error = AccessRules::before(Arc::new(Open), &rules).err().unwrap().to_string();
        assert!(error.starts_with("auth.access: rule 2: ") && error.contains(word), "{error}");
    }
}
