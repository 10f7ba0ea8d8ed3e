//! `cargo xtask bench`: the server beside its peers.
//!
//! Every server is a process of its own on a fresh folder of the same disk. In each round of a row every server has its turn,
//! so that what else happens on the machine hits all of them; the table shows the medians of the rounds. The client lives in
//! this process and is made to cost little, but it shares the machine: **compare CPU times first, rates second.**

mod client;
mod content;
mod contestant;
mod load;
mod plain;
mod plugins;
mod rows;
mod store;
mod table;
mod usage;

use crate::process::{capture, say, target_folder};
use crate::server::{self, Profile};
use crate::tools::{self, Toolbox};
use anyhow::{Context, Result, bail};
use contestant::{Contestant, PASSWORD, Recipe, USER};
use plain::Plain;
use plugins::Components;
use rows::{Row, Scale, Who};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use table::Results;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A further registry to measure: its name, its binary and its configuration file, in which `{address}`, `{port}` and
    /// `{data}` stand for where it listens and stores
    #[arg(long = "peer", value_name = "NAME=BINARY:CONFIG")]
    peers: Vec<String>,
    /// Shorter runs: numbers to look at, not to publish
    #[arg(long)]
    quick: bool,
    /// Only the rows of the table whose name contains one of these
    #[arg(long, value_name = "ROW,…", value_delimiter = ',')]
    only: Vec<String>,
    /// How many times each server has its turn in each row [default: 3; 2 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: Option<u8>,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "BINARY")]
    wharf: Option<PathBuf>,
    /// Take this binary of xtask/signed-client instead of building one
    #[arg(long, value_name = "BINARY")]
    signed_client: Option<PathBuf>,
    /// Where the servers' folders are made and removed again [default: in cargo's target folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Runs the measurements and prints the table.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut scale = if args.quick { Scale::QUICK } else { Scale::FULL };
    scale.rounds = args.rounds.map_or(scale.rounds, usize::from);
    let toolbox = tools::install()?;
    let wharf = match &args.wharf {
        Some(binary) => binary.clone(),
        None => server::build(Profile::Release)?,
    };
    let base = args.folder.clone().map_or_else(target_folder, Ok)?;
    let mut field = Field {
        registries: registries(&wharf, &toolbox, &args.peers)?,
        base: base.clone(),
        components: None,
        signed_client: args.signed_client.clone(),
        plain: None,
        htpasswd: toolbox.path("WHARF_TOOL_HTPASSWD").context("there is no htpasswd")?.to_owned(),
        nginx: toolbox.path("WHARF_TOOL_NGINX").context("there is no nginx")?.to_owned(),
        toolbox,
        running: BTreeMap::new(),
        folder: base.join(format!("bench-{}", std::process::id())),
        started: 0,
    };
    let outcome = measure(&mut field, args, scale);
    field.running.clear();
    field.plain = None;
    let _ = fs::remove_dir_all(&field.folder);
    outcome
}

fn measure(field: &mut Field, args: &Args, scale: Scale) -> Result<()> {
    let mut rows = rows::all(scale);
    rows.retain(|row| args.only.is_empty() || args.only.iter().any(|part| row.name.contains(part.as_str())));
    if rows.is_empty() {
        bail!("no row has a name that contains {}", args.only.join(" or "));
    }
    print!("{}", table::HEAD);
    for row in &rows {
        say(format!("bench: {}", row.name));
        let results = field.measure(row, scale).with_context(|| format!("in the row {:?}", row.name))?;
        // At once, so that a run that is broken off was not for nothing.
        print!("{}", table::lines(row, &results));
    }
    println!("\n{}", machine());
    Ok(())
}

/// Wharf first, then the others.
fn registries(wharf: &Path, toolbox: &Toolbox, peers: &[String]) -> Result<Vec<Recipe>> {
    let distribution = toolbox.path("WHARF_TOOL_DISTRIBUTION").context("there is no distribution")?;
    let mut recipes = vec![Recipe::registry("Wharf", wharf), Recipe::registry("distribution", distribution)];
    for peer in peers {
        let parts = peer.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once(':')?)));
        let (name, (binary, config)) = parts.with_context(|| format!("--peer {peer} is not NAME=BINARY:CONFIG"))?;
        let config = fs::read_to_string(config).with_context(|| format!("cannot read {config}"))?;
        recipes.push(Recipe::with_config(name, Path::new(binary), config));
    }
    Ok(recipes)
}

/// Everyone who takes part.
struct Field {
    registries: Vec<Recipe>,
    /// Built when a row first needs them.
    components: Option<Components>,
    /// Likewise, unless it was given.
    signed_client: Option<PathBuf>,
    /// Started when a row first needs it.
    plain: Option<Plain>,
    toolbox: Toolbox,
    /// Where what outlives a run is kept.
    base: PathBuf,
    htpasswd: PathBuf,
    nginx: PathBuf,
    /// The servers that rows share, by label.
    running: BTreeMap<String, Contestant>,
    folder: PathBuf,
    /// How many servers were started: each gets a folder of its own.
    started: usize,
}

impl Field {
    fn measure(&mut self, row: &Row, scale: Scale) -> Result<Vec<Results>> {
        let recipes = self.recipes(row.who)?;
        if row.who == (Who::Compiling { kept: true }) {
            // Whoever starts first compiles; the row is about those who come after.
            recipes.iter().try_for_each(|recipe| self.start(recipe).map(drop))?;
        }
        if !row.fresh {
            for recipe in &recipes {
                (row.prepare)(self.shared(recipe)?).with_context(|| format!("preparing {}", recipe.label))?;
            }
        }
        let plain = row.plain.iter().copied();
        if let Some((_, bytes)) = row.plain.first() {
            self.plain()?.prepare(*bytes)?;
        }
        let labels = recipes.iter().map(|recipe| recipe.label.clone());
        let labels = labels.chain(plain.clone().map(|(work, _)| work.label().to_owned()));
        let mut results: Vec<Results> = labels.map(|label| Results { label, samples: Vec::new() }).collect();
        for round in 0..scale.rounds as u64 {
            for (recipe, results) in recipes.iter().zip(&mut results) {
                let sample = if row.fresh {
                    let contestant = self.start(recipe)?;
                    (row.measure)(&contestant, round)
                } else {
                    (row.measure)(self.shared(recipe)?, round)
                };
                results.samples.push(sample.with_context(|| format!("measuring {}", recipe.label))?);
            }
            for ((work, bytes), results) in plain.clone().zip(&mut results[recipes.len()..]) {
                let sample = self.plain()?.measure(work, bytes, round);
                results.samples.push(sample.with_context(|| format!("measuring the {}", work.label()))?);
            }
        }
        Ok(results)
    }

    /// Who takes part in a row, in the order of their turns.
    fn recipes(&mut self, who: Who) -> Result<Vec<Recipe>> {
        let mut recipes = self.registries.clone();
        match who {
            Who::Registries => {}
            Who::AndNginx => recipes.push(Recipe::nginx("nginx", &self.nginx, true)),
            Who::AndBothNginx => {
                recipes.push(Recipe::nginx("nginx", &self.nginx, true));
                recipes.push(Recipe::nginx("nginx, no sendfile", &self.nginx, false));
            }
            Who::WithPassword(cost) => {
                let line = self.user_line(cost)?;
                let with = |recipe: &Recipe| recipe.with_password(format!("{}, password", recipe.label), line.clone());
                recipes = vec![with(&recipes[0]), recipes[0].clone(), with(&recipes[1])];
                for recipe in [0, 2] {
                    recipes[recipe].label += &format!(" ({cost})");
                }
            }
            Who::OnS3 => {
                let gateway = self.toolbox.path("WHARF_TOOL_VERSITYGW").context("there is no versitygw")?;
                recipes = recipes[..2].iter().map(|recipe| recipe.on_s3(gateway)).collect();
            }
            Who::AuthPlugins => recipes = self.components()?.auth(&recipes[0]),
            Who::SwappedPlugin => recipes = self.components()?.swapped(&recipes[0]),
            Who::StoragePlugins => recipes = self.components()?.storage(&recipes[0]),
            Who::Compiling { kept } => recipes = self.components()?.compiling(&recipes[0], kept),
        }
        Ok(recipes)
    }

    fn components(&mut self) -> Result<&Components> {
        if self.components.is_none() {
            let kept = self.base.join("bench-components");
            self.components = Some(Components::build(&self.registries[0].binary, &self.toolbox, kept)?);
        }
        self.components.as_ref().context("they have just been built")
    }

    fn plain(&mut self) -> Result<&Plain> {
        if self.plain.is_none() {
            let gateway = self.toolbox.path("WHARF_TOOL_VERSITYGW").context("there is no versitygw")?;
            let binary = self.signed_client.clone().map_or_else(server::build_signed_client, Ok)?;
            self.plain = Some(Plain::start(binary, gateway, &self.folder.join("plain"))?);
        }
        self.plain.as_ref().context("it has just been started")
    }

    /// A line of an htpasswd file, made by Apache's own program.
    fn user_line(&self, cost: u32) -> Result<String> {
        capture(Command::new(&self.htpasswd).args(["-nbB", "-C", &cost.to_string(), USER, PASSWORD]))
    }

    fn shared(&mut self, recipe: &Recipe) -> Result<&Contestant> {
        if !self.running.contains_key(&recipe.label) {
            let contestant = self.start(recipe)?;
            self.running.insert(recipe.label.clone(), contestant);
        }
        self.running.get(&recipe.label).context("it has just been started")
    }

    fn start(&mut self, recipe: &Recipe) -> Result<Contestant> {
        self.started += 1;
        Contestant::start(recipe, self.folder.join(self.started.to_string()))
    }
}

/// A sentence about the machine, without which no figure means anything.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.split_once(": ")).map(|pair| pair.1);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let sha = if field("flags").is_some_and(|flags| flags.contains("sha_ni")) { "with" } else { "without" };
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    format!(
        "{cores} × {} ({sha} SHA instructions), Linux {}, load average at the end {}.",
        field("model name").unwrap_or("unknown CPU"),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}
