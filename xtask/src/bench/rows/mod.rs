//! The rows of the table: what is done, by whom, and how it is counted.

mod auth;
mod images;
mod large;
mod lists;
mod objects;
mod plugins;
mod process;
mod pulls;
mod pushes;

use super::contestant::Contestant;
use super::load::Sample;
use super::plain::Work;
use anyhow::Result;

/// How much of everything.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) rounds: usize,
    /// Of load in each sample.
    pub(super) seconds: f64,
    pub(super) large_pull_mib: u64,
    pub(super) large_push_mib: u64,
    /// Of each of eight pushes at once.
    pub(super) parallel_push_mib: u64,
    pub(super) tags: u64,
    pub(super) repositories: u64,
    /// Images of ten layers each.
    pub(super) images: u64,
    /// After so long a server is no longer waited for to take all tags or repositories.
    pub(super) fill_seconds_max: f64,
}

impl Scale {
    pub(super) const FULL: Self = Self {
        rounds: 3,
        seconds: 1.2,
        large_pull_mib: 1024,
        large_push_mib: 2048,
        parallel_push_mib: 256,
        tags: 10_000,
        repositories: 5_000,
        images: 200,
        fill_seconds_max: 20.0,
    };

    pub(super) const QUICK: Self = Self {
        rounds: 2,
        seconds: 0.4,
        large_pull_mib: 128,
        large_push_mib: 256,
        parallel_push_mib: 32,
        tags: 1_000,
        repositories: 500,
        images: 20,
        fill_seconds_max: 4.0,
    };
}

/// Who takes part in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Registries,
    /// And nginx, serving the same bytes as static files.
    AndNginx,
    /// And nginx once more, copying the bytes instead of using `sendfile`.
    AndBothNginx,
    /// Wharf and `distribution` with a password at this bcrypt cost, and Wharf without.
    WithPassword(u32),
    /// Wharf and `distribution`, each on a bucket of its own.
    OnS3,
    /// Wharf alone, and behind auth providers in several languages.
    AuthPlugins,
    /// Wharf behind an auth provider that is exchanged.
    SwappedPlugin,
    /// Wharf on its file system, and on components that store in the same one.
    StoragePlugins,
    /// Wharf behind auth providers in several languages that have to be compiled first, or whose compiled code was `kept`.
    Compiling {
        kept: bool,
    },
}

/// How a row's results are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As a rate, with CPU time for each.
    Each,
    /// As a rate, with CPU time for each GB too.
    Bytes,
    /// As the milliseconds that one took.
    Milliseconds,
    /// As MiB of memory.
    Memory,
}

type Prepare = Box<dyn Fn(&Contestant) -> Result<()>>;
type Measure = Box<dyn Fn(&Contestant, u64) -> Result<Sample>>;

/// One row.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) who: Who,
    pub(super) unit: Unit,
    /// Whether each sample wants a server of its own on an empty folder: for what fills the disk or looks at the process.
    pub(super) fresh: bool,
    /// What a plain client of the object store does beside the servers, with an object of so many bytes.
    pub(super) plain: Vec<(Work, u64)>,
    /// Called once for each server before the first sample.
    pub(super) prepare: Prepare,
    /// Called with the number of the round.
    pub(super) measure: Measure,
}

impl Row {
    fn new(name: String, who: Who, unit: Unit, measure: impl Fn(&Contestant, u64) -> Result<Sample> + 'static) -> Self {
        let plain = Vec::new();
        Self { name, who, unit, fresh: false, plain, prepare: Box::new(|_| Ok(())), measure: Box::new(measure) }
    }

    fn prepared(mut self, prepare: impl Fn(&Contestant) -> Result<()> + 'static) -> Self {
        self.prepare = Box::new(prepare);
        self
    }

    fn beside_plain(mut self, works: &[Work], bytes: u64) -> Self {
        self.plain = works.iter().map(|work| (*work, bytes)).collect();
        self
    }

    fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }
}

/// All of them, in the order of the table.
pub(super) fn all(scale: Scale) -> Vec<Row> {
    let groups = [
        process::rows(),
        pulls::rows(scale),
        pushes::rows(scale),
        large::rows(scale),
        lists::rows(scale),
        auth::rows(scale),
        plugins::rows(scale),
        objects::rows(scale),
    ];
    groups.into_iter().flatten().collect()
}
