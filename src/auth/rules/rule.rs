//! One access rule, as it is written and as it is applied.

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use super::super::{Access, Action, Resource};

/// A rule as an operator writes it: all of these may do all of that in any of those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Users by name. `*` and `anonymous` both mean everybody, logged in or not (logging in takes nothing away);
    /// `authenticated` is everybody who is logged in.
    pub who: Vec<String>,
    /// Globs over repository names: `*` and `?` within one component, `**` across components, `{a,b}`, `[a-z]`.
    pub repositories: Vec<String>,
    /// `pull`; `push`, which includes pull because every request of a push asks for both; `delete`; `catalog`, the list of all
    /// repositories; `*`, which is all of them, the catalog only in a rule for the repositories `**`.
    pub actions: Vec<String>,
}

/// A rule ready to be applied.
pub(super) struct Grant {
    everybody: bool,
    authenticated: bool,
    users: Vec<String>,
    repositories: GlobSet,
    pull: bool,
    push: bool,
    delete: bool,
    catalog: bool,
}

impl Grant {
    pub(super) fn compile(rule: &Rule) -> Result<Self, String> {
        let lists = [("who", &rule.who), ("repositories", &rule.repositories), ("actions", &rule.actions)];
        if let Some((key, _)) = lists.iter().find(|(_, list)| list.is_empty() || list.iter().any(String::is_empty)) {
            return Err(format!("`{key}` is empty, so the rule allows nothing; fill it in or remove the rule"));
        }
        if let Some(action) = rule.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            return Err(format!("{action:?} is no action; write pull, push, delete, catalog or *"));
        }
        let acts = |action: &str| rule.actions.iter().any(|written| written == action || written == "*");
        let is = |who: &str| rule.who.iter().any(|written| written == who);
        let everywhere = rule.repositories.iter().any(|glob| glob == "**");
        Ok(Self {
            everybody: is("*") || is("anonymous"),
            authenticated: is("authenticated"),
            users: rule.who.clone(),
            repositories: globs(&rule.repositories)?,
            pull: acts("pull") || acts("push"),
            push: acts("push"),
            delete: acts("delete"),
            catalog: rule.actions.iter().any(|action| action == "catalog") || everywhere && acts("*"),
        })
    }

    /// Whether this rule grants the access. An anonymous user has no name.
    pub(super) fn allows(&self, user: &str, access: &Access) -> bool {
        self.is_for(user)
            && match &access.resource {
                Resource::Catalog => self.catalog,
                Resource::Repository(name) => {
                    self.acts(access.action) && self.repositories.is_match_candidate(&Candidate::new(name))
                }
            }
    }

    fn is_for(&self, user: &str) -> bool {
        self.everybody || !user.is_empty() && (self.authenticated || self.users.iter().any(|name| name == user))
    }

    fn acts(&self, action: Action) -> bool {
        match action {
            Action::Pull => self.pull,
            Action::Push => self.push,
            Action::Delete => self.delete,
            Action::All => self.pull && self.push && self.delete,
        }
    }
}

const ACTIONS: [&str; 5] = ["pull", "push", "delete", "catalog", "*"];

fn globs(written: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in written {
        let problem = |error: globset::Error| format!("{glob:?} is no glob: {}", error.kind());
        // Elsewhere than between slashes `**` would match like `*`, and a rule for `team**` would not be what it looks like.
        if glob.split('/').any(|part| part.contains("**") && part != "**") {
            return Err(format!("{glob:?}: ** must be a whole component of the name, as in team/** or **/app"));
        }
        set.add(GlobBuilder::new(glob).literal_separator(true).build().map_err(problem)?);
    }
    set.build().map_err(|error| format!("the globs are too large together: {}", error.kind()))
}
