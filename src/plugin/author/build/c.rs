//! C and C++: bindings made here, and zig or the WASI SDK's clang to compile them and the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wit_bindgen_core::Files;

use super::{Error, Project, read};
use crate::plugin::author::component::{self, ProjectWorld};
use crate::plugin::author::tool;

pub(super) fn component(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let mut sources = bindings(project)?;
    let own = own_sources(project.folder)?;
    let is_cpp = own.iter().any(|file| has_extension(file, "cpp"));
    sources.extend(own);
    let output = project.build.join("core.wasm");
    let mut command = compiler(project.folder, is_cpp)?;
    // A reactor: the host calls its functions, and there is no `main`.
    command.args(["-mexec-model=reactor", "-O2", "-s", "-Wall", "-I"]).arg(&project.build).arg("-o").arg(&output);
    tool::run(command.args(sources).current_dir(project.folder))?;
    component::of_module(&read(&output)?)
}

/// Writes `plugin.h`, `plugin.c` and the object that holds the world, and returns what has to be compiled and linked of it.
fn bindings(project: &Project<'_>) -> Result<Vec<PathBuf>, Error> {
    let ProjectWorld { mut resolve, world } = ProjectWorld::read(&project.wit())?;
    let mut files = Files::default();
    let generated = wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files);
    generated.map_err(|error| Error::Wit(format!("{error:#}")))?;
    let mut sources = Vec::new();
    for (name, content) in files.iter() {
        let file = project.build.join(name);
        fs::write(&file, content).map_err(Error::of_file(&file))?;
        if !name.ends_with(".h") {
            sources.push(file);
        }
    }
    Ok(sources)
}

fn has_extension(file: &Path, wanted: &str) -> bool {
    file.extension().is_some_and(|extension| extension == wanted)
}

/// Every `.c` and `.cpp` file in the project's top folder.
fn own_sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::of_file(folder))? {
        let file = entry.map_err(Error::of_file(folder))?.path();
        if has_extension(&file, "c") || has_extension(&file, "cpp") {
            sources.push(file);
        }
    }
    sources.sort();
    Ok(sources)
}

/// The driver of C++ takes C files as C, and links C++'s own library.
fn compiler(folder: &Path, is_cpp: bool) -> Result<Command, Error> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH") {
        let mut command = Command::new(Path::new(&sdk).join(if is_cpp { "bin/clang++" } else { "bin/clang" }));
        command.arg("--target=wasm32-wasip1");
        return Ok(command);
    }
    let environments = tool::folders_around(folder, ".venv/bin");
    let zig = |mut command: Command| {
        command.args([if is_cpp { "c++" } else { "cc" }, "-target", "wasm32-wasi"]);
        command
    };
    if let Some(program) = tool::find("zig", &environments) {
        return Ok(zig(Command::new(program)));
    }
    // The package `ziglang` of PyPI is a zig that is called through Python.
    for name in ["python3", "python"] {
        let Some(python) = tool::find(name, &environments) else { continue };
        let mut probe = Command::new(&python);
        probe.args(["-c", "import ziglang"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            let mut command = Command::new(python);
            command.args(["-m", "ziglang"]);
            return Ok(zig(command));
        }
    }
    Err(Error::ToolMissing {
        tool: "a C compiler for WASI",
        purpose: "compiles this project",
        install: "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1   (in the project; or install zig, or set \
                  WASI_SDK_PATH to the folder of a WASI SDK)",
    })
}
