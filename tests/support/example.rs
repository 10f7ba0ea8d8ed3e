//! The examples and the scaffolds, built as their authors build them: by `wharf plugin build`, with the languages' own tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::content::sha256;
use super::server::wharf;
use super::tools;

/// One build at a time: each language's tool takes all the processors that there are.
static BUILDING: Mutex<()> = Mutex::new(());

/// The component of `examples/NAME`, built if it or what builds it has changed.
#[track_caller]
pub fn component(name: &str) -> PathBuf {
    let _alone = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("examples").join(name);
    let mut all = Vec::new();
    for folder in [source.clone(), root.join("src/plugin/author"), root.join("wit")] {
        gather(&folder, &mut all);
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples").join(sha256(&all).replace(':', "-"));
    let component = kept.join(format!("{name}.wasm"));
    if !component.is_file() {
        fs::create_dir_all(&kept).expect("a folder for examples");
        copy(&source, &kept);
        assert_eq!(build(&kept), component);
    }
    component
}

/// `wharf plugin build` in a folder; gives the path that it prints.
#[track_caller]
pub fn build(folder: &Path) -> PathBuf {
    tools::run(Command::new(wharf()).args(["plugin", "build"]).arg(folder)).trim_end().into()
}

/// `wharf plugin new`; gives the project's folder.
#[track_caller]
pub fn scaffold(parent: &Path, world: &str, language: &str) -> PathBuf {
    let name = format!("{world}-{language}");
    let mut command = Command::new(wharf());
    tools::run(command.args(["plugin", "new", "--world", world, "--lang", language, &name]).current_dir(parent));
    parent.join(name)
}

/// What git would keep of an example.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = ["build", "target", "node_modules", ".venv", "__pycache__", "deps"];
    !made.contains(&name.as_ref()) && path.extension().is_none_or(|extension| extension != "wasm")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| is_source(path));
    paths.sort();
    paths
}

fn gather(folder: &Path, all: &mut Vec<u8>) {
    for path in entries(folder) {
        all.extend_from_slice(path.as_os_str().as_encoded_bytes());
        if path.is_dir() {
            gather(&path, all);
        } else {
            all.extend(fs::read(&path).expect("a source"));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for path in entries(from) {
        let place = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).expect("a copy");
        }
    }
}
