//! What a plugin gets: what its manifest asks for *and* the operator grants. Plain data; nothing is opened or read here, so that
//! `wharf plugin inspect` can show it.

use std::collections::BTreeSet;
use std::fmt;

use super::address::Network;
use super::destination::Pattern;
use super::reach::Reach;
use crate::config::plugin::{Directory, Grants, SecretSource};
use crate::plugin::manifest::Asks;

/// What a plugin gets, and where ask and grant differ.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where it may send HTTP requests.
    pub http: Reach,
    /// Where it may open TCP connections.
    pub sockets: Reach,
    /// Whether it may use the host's TLS on them.
    pub tls: bool,
    /// Directories, with the path that the guest sees in `guest`.
    pub directories: Vec<Directory>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Secrets, by the key under which it finds them.
    pub secrets: Vec<(String, SecretSource)>,
    /// Namespaces of `wasi:keyvalue`.
    pub keyvalue: BTreeSet<String>,
    /// Request headers that it sees, in lower case.
    pub headers: BTreeSet<String>,
    /// The path prefix under which it serves HTTP.
    pub serve: Option<String>,
    /// Where ask and grant differ.
    pub differences: Vec<Difference>,
}

/// Something that only one side named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Who named it.
    pub side: Side,
    /// The key, of the grants and of the asks alike: `hosts`.
    pub key: &'static str,
    /// What was named.
    pub what: String,
}

/// Who named something alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The manifest asks for it; the operator does not grant it.
    Asked,
    /// The operator grants it; the manifest does not ask for it.
    Granted,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, what, .. } = self;
        match self.side {
            Side::Asked => {
                write!(f, "asks for {key} {what:?}, which is not granted; if it should have it, add it to grants.{key}")
            }
            Side::Granted => write!(
                f,
                "is granted {key} {what:?}, but does not ask for it and does not get it; take it out of grants.{key}, or ask \
                 for it in the plugin's manifest"
            ),
        }
    }
}

impl Plan {
    /// What is in both.
    ///
    /// # Errors
    /// All that can't be read in either of them, a sentence each, with its key.
    pub fn of(asks: &Asks, grants: &Grants) -> Result<Self, Vec<String>> {
        let mut plan = Self::default();
        let mut problems = Vec::new();
        let networks: Vec<Network> = all("grants.networks", &grants.networks, |text| text.parse(), &mut problems);
        let (key, read) = ("hosts", Pattern::http as fn(&str) -> Result<Pattern, String>);
        plan.http = plan.places(key, read, &asks.hosts, &grants.hosts, &networks, &mut problems);
        let (key, read) = ("sockets", Pattern::socket as fn(&str) -> Result<Pattern, String>);
        plan.sockets = plan.places(key, read, &asks.sockets, &grants.sockets, &networks, &mut problems);
        plan.directories(asks, grants, &mut problems);
        plan.tls = plan.both("tls", asks.tls, grants.tls, "true");
        plan.environment = plan.named("environment", &asks.environment, grants.environment.iter());
        plan.secrets = plan.named("secrets", &asks.secrets, grants.secrets.iter());
        let names = |names: &[String]| names.iter().map(|name| (name.clone(), ())).collect::<Vec<_>>();
        let keyvalue = names(&grants.keyvalue);
        let keyvalue = plan.named("keyvalue", &asks.keyvalue, keyvalue.iter().map(|(name, unit)| (name, unit)));
        plan.keyvalue = keyvalue.into_iter().map(|(name, ())| name).collect();
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        let headers = names(&lower(&grants.headers));
        let headers = plan.named("headers", &lower(&asks.headers), headers.iter().map(|(name, unit)| (name, unit)));
        plan.headers = headers.into_iter().map(|(name, ())| name).collect();
        let serves = plan.both("serve", asks.serve, !grants.serve.is_empty(), &grants.serve);
        plan.serve = serves.then(|| grants.serve.clone());
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    fn places(
        &mut self,
        key: &'static str,
        read: fn(&str) -> Result<Pattern, String>,
        asked: &[String],
        granted: &[String],
        networks: &[Network],
        problems: &mut Vec<String>,
    ) -> Reach {
        let asked = all(&format!("asks.{key} of its manifest"), asked, read, problems);
        let granted = all(&format!("grants.{key}"), granted, read, problems);
        for ask in &asked {
            if granted.iter().all(|grant| ask.meet(grant).is_none()) {
                self.differs(Side::Asked, key, ask.to_string());
            }
        }
        for grant in &granted {
            if asked.iter().all(|ask| ask.meet(grant).is_none()) {
                self.differs(Side::Granted, key, grant.to_string());
            }
        }
        Reach::new(&asked, granted, networks.to_vec())
    }

    fn directories(&mut self, asks: &Asks, grants: &Grants, problems: &mut Vec<String>) {
        let key = "directories";
        let mut granted = Vec::new();
        for directory in &grants.directories {
            let guest = match directory.guest.as_str() {
                "" => directory.path.to_string_lossy().into_owned(),
                guest => guest.to_owned(),
            };
            if !guest.starts_with('/') {
                problems.push(format!("grants.directories: guest {guest:?} is no absolute path; write \"/{guest}\""));
            }
            if directory.path.as_os_str().is_empty() {
                problems.push(format!("grants.directories: path is missing beside guest {guest:?}"));
            }
            granted.push(Directory { guest: plain(&guest).to_owned(), ..directory.clone() });
        }
        for ask in &asks.directories {
            if granted.iter().all(|grant| grant.guest != plain(&ask.path)) {
                self.differs(Side::Asked, key, ask.path.clone());
            }
        }
        for mut directory in granted {
            match asks.directories.iter().find(|ask| plain(&ask.path) == directory.guest) {
                None => self.differs(Side::Granted, key, directory.guest),
                Some(ask) => {
                    match (ask.write, directory.write) {
                        (true, false) => self.differs(Side::Asked, key, format!("{} (write)", directory.guest)),
                        (false, true) => self.differs(Side::Granted, key, format!("{} (write)", directory.guest)),
                        _ => {}
                    }
                    directory.write &= ask.write;
                    self.directories.push(directory);
                }
            }
        }
    }

    fn both(&mut self, key: &'static str, asked: bool, granted: bool, what: &str) -> bool {
        match (asked, granted) {
            (true, false) => self.differs(Side::Asked, key, "true".to_owned()),
            (false, true) => self.differs(Side::Granted, key, what.to_owned()),
            _ => {}
        }
        asked && granted
    }

    /// What is granted by name and asked for by name.
    fn named<'a, T: Clone + 'a>(
        &mut self,
        key: &'static str,
        asked: &[String],
        granted: impl Iterator<Item = (&'a String, &'a T)> + Clone,
    ) -> Vec<(String, T)> {
        for ask in asked {
            if granted.clone().all(|(name, _)| name != ask) {
                self.differs(Side::Asked, key, ask.clone());
            }
        }
        let mut got = Vec::new();
        for (name, value) in granted {
            if asked.contains(name) {
                got.push((name.clone(), value.clone()));
            } else {
                self.differs(Side::Granted, key, name.clone());
            }
        }
        got
    }

    fn differs(&mut self, side: Side, key: &'static str, what: String) {
        self.differences.push(Difference { side, key, what });
    }
}

/// Reads all of a list, and says of each that can't be read where it stands.
fn all<T>(key: &str, texts: &[String], read: impl Fn(&str) -> Result<T, String>, problems: &mut Vec<String>) -> Vec<T> {
    let mut good = Vec::with_capacity(texts.len());
    for text in texts {
        match read(text) {
            Ok(value) => good.push(value),
            Err(problem) => problems.push(format!("{key}: {problem}")),
        }
    }
    good
}

/// A path without slashes at its end.
fn plain(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}
