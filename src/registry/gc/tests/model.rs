//! What is needed, found the slow way: every rule is applied to everything until nothing changes any more.

use std::collections::BTreeSet;

use super::world::{self, Kind, Place, World, names, sha256};
use crate::storage::layout;

pub(super) struct Model {
    /// Every key that should be left.
    pub after: BTreeSet<String>,
    pub blobs_deleted: u64,
}

impl Model {
    pub(super) fn of(world: &World, before: &BTreeSet<String>, delete_untagged: bool) -> Self {
        let mut needed = BTreeSet::new();
        let kept: Vec<BTreeSet<usize>> = world
            .repositories
            .iter()
            .map(|place| {
                let kept = kept(world, place, before, delete_untagged);
                needed.extend(blobs(world, place, &kept, before));
                kept
            })
            .collect();
        let mut after = before.clone();
        for (at, place) in world.repositories.iter().enumerate() {
            remove_from_repository(world, at, place, &kept[at], &needed, &mut after);
        }
        let is_garbage = |key: &String| {
            key.strip_suffix("/data").is_some_and(|path| !needed.contains(path.rsplit('/').next().unwrap_or_default()))
        };
        let garbage: Vec<String> = after.iter().filter(|key| is_garbage(key)).cloned().collect();
        for key in &garbage {
            after.remove(key);
        }
        Self { after, blobs_deleted: garbage.len() as u64 }
    }
}

fn hex(content: &[u8]) -> String {
    sha256(content).hex().to_owned()
}

fn stored(before: &BTreeSet<String>, content: &[u8]) -> bool {
    before.contains(layout::blob_data(&sha256(content)).as_str())
}

fn has(place: &Place, number: usize) -> bool {
    let (canonical, alias) = place.revisions[number];
    canonical || alias
}

/// Whether a repository can tell what a manifest means by a digest: SHA-512 needs a link.
fn resolves(world: &World, place: &Place, from: usize, number: usize) -> bool {
    has(place, number) && (!world.manifests[from].sha512 || place.revisions[number].1)
}

fn kept(world: &World, place: &Place, before: &BTreeSet<String>, delete_untagged: bool) -> BTreeSet<usize> {
    let all: BTreeSet<usize> = (0..world.manifests.len()).filter(|number| has(place, *number)).collect();
    let kind = |number: usize| world.manifests[number].kind;
    let readable = |number: usize| stored(before, &world.manifest(number));
    let broken = all.iter().any(|number| kind(*number) == Kind::Broken && readable(*number));
    if !delete_untagged || broken {
        return all;
    }
    let mut kept: BTreeSet<usize> =
        all.iter().copied().filter(|number| kind(*number) == Kind::Foreign && readable(*number)).collect();
    kept.extend(place.tags.iter().flatten().filter(|number| has(place, **number)));
    loop {
        let mut more = kept.clone();
        for number in all.iter().copied().filter(|number| readable(*number)) {
            if kept.contains(&number) {
                let index = kind(number) == Kind::Index;
                more.extend(world.children(number).filter(|child| index && resolves(world, place, number, *child)));
                let named = world.subject(number).filter(|_| kind(number) == Kind::Foreign);
                more.extend(named.filter(|named| resolves(world, place, number, *named)));
            } else if let Some(subject) = world.subject(number)
                && kept.contains(&subject)
                && resolves(world, place, number, subject)
            {
                more.insert(number);
            }
        }
        if more == kept {
            return kept;
        }
        kept = more;
    }
}

/// The hexadecimal digests of everything that the kept manifests of a repository need.
fn blobs(world: &World, place: &Place, kept: &BTreeSet<usize>, before: &BTreeSet<String>) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    for number in kept.iter().copied() {
        let content = world.manifest(number);
        if !stored(before, &content) {
            continue;
        }
        needed.insert(hex(&content));
        if world.manifests[number].kind == Kind::Broken {
            let linked = place.layers.iter().enumerate().filter(|(_, (canonical, alias))| *canonical || *alias);
            needed.extend(linked.map(|(blob, _)| hex(&world::blob(blob))));
        }
        for (content, is_manifest) in world.contents(number) {
            let alias_known = if is_manifest {
                let at = (0..world.manifests.len()).find(|at| world.manifest(*at) == content);
                at.is_some_and(|at| place.revisions[at].1)
            } else {
                let at = (0..place.layers.len()).find(|at| world::blob(*at) == content);
                at.is_some_and(|at| place.layers[at].1)
            };
            if !world.manifests[number].sha512 || alias_known {
                needed.insert(hex(&content));
            }
        }
    }
    needed
}

fn remove_from_repository(
    world: &World,
    at: usize,
    place: &Place,
    kept: &BTreeSet<usize>,
    needed: &BTreeSet<String>,
    after: &mut BTreeSet<String>,
) {
    let name = world::repository(at);
    for number in (0..world.manifests.len()).filter(|number| has(place, *number) && !kept.contains(number)) {
        let content = world.manifest(number);
        for digest in names(&content, true, true) {
            after.remove(layout::revision_link(&name, &digest).as_str());
            let trace = format!("/{}/{}/link", digest.algorithm(), digest.hex());
            let beneath = format!("{}/", layout::repository(&name));
            after.retain(|key| {
                let own = key.strip_prefix(&beneath).is_some_and(|rest| rest.starts_with('_'));
                let leads_here = key.ends_with(&trace) && (key.contains("/index/") || key.contains("/_referrers/"));
                !(own && leads_here)
            });
        }
    }
    for number in 0..place.layers.len() {
        let content = world::blob(number);
        if !needed.contains(&hex(&content)) {
            for digest in names(&content, true, true) {
                after.remove(layout::layer_link(&name, &digest).as_str());
            }
        }
    }
}
