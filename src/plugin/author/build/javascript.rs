//! JavaScript: jco, with QuickJS as the engine inside the component.

use std::process::Command;

use super::{Error, Project, read};
use crate::plugin::author::tool;

pub(super) fn component(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let jco =
        tool::find("jco", &tool::folders_around(project.folder, "node_modules/.bin")).ok_or(Error::ToolMissing {
            tool: "jco",
            purpose: "makes a component of JavaScript",
            install: "npm install   (in the project: package.json names it; it needs Node.js 20 or newer)",
        })?;
    let output = project.build.join("plugin.wasm");
    let mut command = Command::new(jco);
    command.args(["componentize", "plugin.js", "--wit", "wit", "--world-name", "plugin", "--backend", "qjs"]);
    // Without it the component asks for an async model that is experimental in every host. The other option that comes to mind,
    // `--backend-qjs-stub-wasi`, would cut off wasi:config, wasi:logging and all else that the world asks for.
    command.arg("--backend-qjs-disable-async").arg("--out").arg(&output);
    tool::run(command.current_dir(project.folder))?;
    read(&output)
}
