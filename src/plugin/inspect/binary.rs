//! What stands in the sections of a component.

use std::collections::BTreeSet;

use wasmparser::{Encoding, KnownCustom, Parser, Payload};

/// Names longer than this are no tools.
const TOOL_BYTES_MAX: usize = 100;
/// Tools that are told.
const TOOLS_MAX: usize = 20;

/// The outside of a component.
pub(super) struct Binary {
    pub(super) exports: Vec<String>,
    pub(super) imports: Vec<String>,
    pub(super) toolchain: Vec<String>,
}

/// Reads a component.
///
/// # Errors
/// When it is none.
pub(super) fn read(bytes: &[u8]) -> Result<Binary, String> {
    let damaged = |error: wasmparser::BinaryReaderError| format!("the component is damaged: {error}");
    if !bytes.starts_with(b"\0asm") {
        return Err("this is no WebAssembly; \"wharf plugin build\" tells which file it has made".into());
    }
    let mut depth = 0_usize;
    let (mut exports, mut imports, mut tools) = (Vec::new(), Vec::new(), BTreeSet::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err("this is a WebAssembly module, and a plugin is a component; \"wharf plugin build\" makes one of it, as \
                            does \"wasm-tools component new\""
                    .into());
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(fields) = section.as_known() {
                    // Written by whatever tool there was, so nothing depends on it.
                    let _ = producers(fields, &mut tools);
                }
            }
            _ => {}
        }
    }
    Ok(Binary { exports, imports, toolchain: tools.into_iter().collect() })
}

fn producers(fields: wasmparser::ProducersSectionReader<'_>, tools: &mut BTreeSet<String>) -> wasmparser::Result<()> {
    for field in fields {
        for value in field?.values {
            let value = value?;
            let tool = match value.version {
                "" => value.name.to_owned(),
                // rustc and clang put the commit behind their version.
                version => format!("{} {}", value.name, version.split(" (").next().unwrap_or(version)),
            };
            if tool.len() <= TOOL_BYTES_MAX && tools.len() < TOOLS_MAX && !tool.chars().any(char::is_control) {
                tools.insert(tool);
            }
        }
    }
    Ok(())
}
