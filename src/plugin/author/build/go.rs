//! Go: its own compiler, for WASI 0.1, and the adapter to WASI 0.2.

use std::process::Command;

use super::{Error, Project, read};
use crate::plugin::author::component::{self, ProjectWorld};
use crate::plugin::author::tool;

pub(super) fn component(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let go = tool::find("go", &[]).ok_or(Error::ToolMissing {
        tool: "go",
        purpose: "compiles this project",
        install: "https://go.dev/doc/install   (version 1.24 or newer)",
    })?;
    let output = project.build.join("core.wasm");
    let mut command = Command::new(go);
    // A library (`c-shared`), because the host calls its functions and there is no program to run.
    command.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&output).arg(".");
    command.env("GOOS", "wasip1").env("GOARCH", "wasm");
    tool::run(command.current_dir(project.folder))?;
    let mut module = read(&output)?;
    ProjectWorld::read(&project.wit())?.embed(&mut module)?;
    component::of_module(&module)
}
