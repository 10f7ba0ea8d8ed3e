//! Python: componentize-py, with CPython inside the component.

use std::process::Command;

use super::{Error, Project, read};
use crate::plugin::author::tool;

pub(super) fn component(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let folders = tool::folders_around(project.folder, ".venv/bin");
    let componentize = tool::find("componentize-py", &folders).ok_or(Error::ToolMissing {
        tool: "componentize-py",
        purpose: "makes a component of Python",
        install: "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt   (in the project)",
    })?;
    let output = project.build.join("plugin.wasm");
    let mut command = Command::new(componentize);
    // Not with `--stub-wasi`: it would cut off wasi:config, wasi:logging and all else that the world asks for, and give every
    // instance the same random numbers.
    command.args(["-d", "wit", "-w", "plugin", "componentize", "plugin", "--output"]).arg(&output);
    let environment = project.folder.join(".venv");
    if environment.is_dir() {
        // Where componentize-py looks for the packages that the project uses.
        command.env("VIRTUAL_ENV", environment);
    }
    tool::run(command.current_dir(project.folder))?;
    read(&output)
}
