//! `auth`: one provider at most, what it needs, and the access rules.

use globset::GlobBuilder;

use super::Checker;
use super::nearest::{alternatives, nearest};
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::auth::{AccessRule, Provider};
use crate::config::plugin::OnFailure;

const ACTIONS: [&str; 5] = ["pull", "push", "delete", "catalog", "*"];

/// The algorithms that `distribution` knows by name. Those of a shared key (`HS…`) can never verify with a public one.
const ALGORITHMS: [&str; 13] = [
    "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    one_provider(checker, config);
    match config.auth.native() {
        Provider::None | Provider::Plugin(_) => {}
        Provider::Htpasswd(htpasswd) => {
            let key = |name: &str| join("auth.htpasswd", name);
            let mend = "give the text that a client shows when it asks for the password";
            checker.required(&key("realm"), htpasswd.realm.is_empty(), mend);
            let mend = "name the file that htpasswd -B writes";
            checker.required(&key("path"), htpasswd.path.as_os_str().is_empty(), mend);
        }
        Provider::Token(_) => token(checker, config),
        Provider::Silly(silly) => {
            checker.required("auth.silly.realm", silly.realm.is_empty(), "give the realm of the challenge");
            checker.required("auth.silly.service", silly.service.is_empty(), "give the service of the challenge");
            checker
                .warning("auth.silly", "lets everybody in who sends any Authorization header; use it for tests only");
        }
    }
    if let Some(plugin) = &config.auth.plugin {
        let native = config.auth.native() != Provider::None;
        super::plugin::plugin(checker, "auth.plugin", plugin, Some(native));
    }
    for (index, rule) in config.auth.access.iter().enumerate() {
        access(checker, &format!("auth.access[{index}]"), rule, config.auth.provider());
    }
}

fn one_provider(checker: &mut Checker<'_>, config: &Config) {
    let auth = &config.auth;
    let given = [
        ("none", auth.none.is_some()),
        ("htpasswd", auth.htpasswd.is_some()),
        ("token", auth.token.is_some()),
        ("silly", auth.silly.is_some()),
        ("plugin", auth.plugin.as_ref().is_some_and(|plugin| plugin.on_failure == OnFailure::Deny)),
    ];
    let places: Vec<String> = given
        .iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| format!("{name} ({})", checker.root.origin_of(&join("auth", name))))
        .collect();
    if places.len() > 1 {
        let native = match &auth.plugin {
            Some(_) => {
                ", or set auth.plugin.on-failure to \"native\" to have the other one take over when the plugin fails"
            }
            None => "",
        };
        let places = places.join(" and ");
        let sentence = format!("there must be one provider at most, but there are {places}; keep one{native}");
        checker.mistake("auth", sentence);
    }
}

fn token(checker: &mut Checker<'_>, config: &Config) {
    let Provider::Token(token) = config.auth.native() else { return };
    let key = |name: &str| join("auth.token", name);
    checker.required(&key("realm"), token.realm.is_empty(), "give the URL of the token server");
    checker.required(
        &key("service"),
        token.service.is_empty(),
        "give the name of this service, as the token server knows it",
    );
    checker.required(
        &key("issuer"),
        token.issuer.is_empty(),
        "give the issuer that the token server puts into its tokens",
    );
    if token.rootcertbundle.as_os_str().is_empty() && token.jwks.as_os_str().is_empty() {
        let mend =
            "name a PEM file with certificates here, or a JWKS file in jwks: without a key no token can be checked";
        checker.required(&key("rootcertbundle"), true, mend);
    }
    for (index, algorithm) in token.signingalgorithms.iter().enumerate() {
        let key = format!("{}[{index}]", key("signingalgorithms"));
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            let meant = nearest(algorithm, ALGORITHMS).map(|meant| format!("; did you mean \"{meant}\"?"));
            let known = alternatives(ALGORITHMS);
            let sentence = format!("is {}, but must be {known}{}", shown(algorithm), meant.unwrap_or_default());
            checker.mistake(&key, sentence);
        } else if algorithm.starts_with("HS") {
            checker
                .warning(&key, format!("{algorithm} needs a shared key, which there is none of; it is never accepted"));
        }
    }
    if !token.autoredirectpath.starts_with('/') {
        let path = shown(&token.autoredirectpath);
        checker.mistake(&key("autoredirectpath"), format!("is {path}, but must start with \"/\""));
    }
}

fn access(checker: &mut Checker<'_>, key: &str, rule: &AccessRule, provider: Provider<'_>) {
    let mend = "name users, \"authenticated\" for everybody who is logged in, or \"*\" for everybody";
    checker.required(&join(key, "who"), rule.who.is_empty(), mend);
    let lists = [("who", &rule.who), ("repositories", &rule.repositories), ("actions", &rule.actions)];
    for (name, list) in lists {
        if list.iter().any(String::is_empty) {
            checker.mistake(&join(key, name), "holds an empty text, which allows nothing; remove it");
        }
    }
    for action in rule.actions.iter().filter(|action| !ACTIONS.contains(&action.as_str())) {
        let known = alternatives(ACTIONS);
        let meant = nearest(action, ACTIONS).map(|meant| format!("; did you mean \"{meant}\"?"));
        let sentence = format!("holds {}, but an action is {known}{}", shown(action), meant.unwrap_or_default());
        checker.mistake(&join(key, "actions"), sentence);
    }
    for glob in rule.repositories.iter() {
        if let Err(problem) = repositories(glob) {
            checker.mistake(&join(key, "repositories"), format!("holds {}: {problem}", shown(glob)));
        }
    }
    let everybody = |who: &String| who == "*" || who == "anonymous";
    if provider == Provider::None && !rule.who.is_empty() && !rule.who.iter().any(everybody) {
        let sentence = "this rule allows nobody anything: without a provider nobody is logged in; configure auth.htpasswd or \
                        auth.token";
        checker.warning(key, sentence);
    }
}

/// The globs that `auth` understands; it reads them in the same way.
fn repositories(glob: &str) -> Result<(), String> {
    if glob.split('/').any(|part| part.contains("**") && part != "**") {
        return Err("** must be a whole component of the name, as in team/** or **/app".to_owned());
    }
    let built = GlobBuilder::new(glob).literal_separator(true).build();
    built.map(|_| ()).map_err(|error| format!("it is no glob: {}", error.kind()))
}
