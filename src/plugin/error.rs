//! What can go wrong with a plugin: while it is loaded ([`LoadError`]), and while it is called ([`PluginError`]).

use std::time::Duration;

use crate::config::ByteSize;
use crate::telemetry::metrics::PluginFault;

/// A call that a plugin did not answer. The text names the plugin, the function, the limit that was passed, and the mend; it is
/// for the operator's log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("plugin {plugin}: {fault}")]
pub struct PluginError {
    /// The plugin's name.
    pub plugin: String,
    /// What happened.
    pub fault: Fault,
}

/// What happened in a call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It took too long.
    #[error("{function} took longer than limits.call_time_max ({limit:?})")]
    Time {
        /// What was called.
        function: &'static str,
        /// How long it might have taken.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    #[error("{function} wanted more memory than limits.memory_bytes_max ({limit})")]
    Memory {
        /// What was called.
        function: &'static str,
        /// What it may have.
        limit: ByteSize,
    },
    /// It wanted larger tables than it may have.
    #[error("{function} wanted larger tables than limits.table_elements_max ({limit})")]
    Tables {
        /// What was called.
        function: &'static str,
        /// What it may have, in elements.
        limit: u32,
    },
    /// It trapped.
    #[error("{function} trapped: {reason}")]
    Trap {
        /// What was called.
        function: &'static str,
        /// The trap's own words.
        reason: String,
    },
    /// A new instance did not start.
    #[error("a new instance did not start: {0}")]
    Start(String),
    /// No instance was free in time.
    #[error("no instance was free {0}")]
    Busy(String),
    /// It is out of service.
    #[error("out of service for another {retry_after:?}, because it failed {failures} times in a row")]
    Failing {
        /// Failures in a row.
        failures: u32,
        /// When it is tried again.
        retry_after: Duration,
    },
}

impl Fault {
    /// As metrics tell it.
    pub fn case(&self) -> PluginFault {
        match self {
            Self::Time { .. } => PluginFault::Time,
            Self::Memory { .. } => PluginFault::Memory,
            Self::Tables { .. } => PluginFault::Tables,
            Self::Trap { .. } => PluginFault::Trap,
            Self::Start(_) => PluginFault::Start,
            Self::Busy(_) => PluginFault::Busy,
            Self::Failing { .. } => PluginFault::Failing,
        }
    }

    /// Whether the same call might succeed in a moment: nothing is wrong with the plugin but that it is busy, or away.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Failing { .. })
    }
}

/// A configuration key that a component's `init` refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key.
    pub key: String,
    /// What is wrong with its value.
    pub problem: String,
}

/// What `init` of a component says; every world has the same three cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// Keys of its configuration are missing or wrong.
    #[error("its configuration is refused: {}", problems(.0))]
    Config(Vec<ConfigProblem>),
    /// What it depends on is away.
    #[error("something that it needs is away: {0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

fn problems(problems: &[ConfigProblem]) -> String {
    let all: Vec<String> = problems.iter().map(|at| format!("config.{}: {}", at.key, at.problem)).collect();
    all.join("; ")
}

/// Why a component can't be put into service. The text names the mend.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It can't be read or pulled.
    #[error("{source_name} can't be read: {reason}")]
    Source {
        /// The file or reference.
        source_name: String,
        /// Why, and what to do.
        reason: String,
    },
    /// It is no component.
    #[error("{0}")]
    NoComponent(String),
    /// It is a component for something else.
    #[error("{0}")]
    World(String),
    /// It asks for something that this server does not offer.
    #[error("{0}")]
    Import(String),
    /// What it was granted can't be given.
    #[error("{0}")]
    Grant(String),
    /// Compiling it failed or took too long.
    #[error("{0}")]
    Compile(String),
    /// No instance of it starts.
    #[error("it does not start: {0}")]
    Start(String),
    /// Its `init` refuses.
    #[error("init: {0}")]
    Init(#[from] InitError),
    /// Its `health` refuses.
    #[error("health: {0}")]
    Health(String),
    /// The host itself can't.
    #[error("{0}")]
    Host(String),
}
