//! The step from a module to a component.

use super::{Guest, Toolchain, committed};
use anyhow::{Context, Result, anyhow};
use std::env;
use std::fs;
use std::path::Path;
use std::time::SystemTime;
use wit_component::ComponentEncoder;

/// The custom section that holds a plugin's manifest.
const MANIFEST_SECTION: &str = "wharf-plugin";

/// Makes a component of a module and its manifest, unless the one that is there is newer than both and than this program.
pub(super) fn refresh(module: &Path, component: &Path, guest: &Guest, toolchain: &Toolchain) -> Result<()> {
    let manifest = guest.folder.join("plugin.toml");
    let sources = [module.to_path_buf(), manifest.clone(), env::current_exe()?];
    let newest = sources.iter().filter_map(|source| written_at(source)).max();
    if written_at(component).is_some_and(|at| Some(at) > newest) {
        return Ok(());
    }
    let module = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).map_err(|error| anyhow!("{error:?}"))?;
    let mut bytes = encoder.encode().map_err(|error| anyhow!("{error:?}"))?;
    if let Ok(text) = fs::read(manifest) {
        append_section(&mut bytes, MANIFEST_SECTION, &text);
    }
    if guest.committed.is_some() {
        committed::stamp(&mut bytes, guest, toolchain)?;
    }
    // Written beside its place and renamed: a test that runs at the same time never reads half of it.
    let partial = component.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, bytes)?;
    fs::rename(&partial, component)?;
    Ok(())
}

fn written_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Adds a custom section at the end, where one may always stand: a zero, the section's length, its name, its content.
pub(super) fn append_section(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::new();
    push_leb128(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(0);
    push_leb128(component, section.len());
    component.extend_from_slice(&section);
}

/// The content of one of the component's own custom sections.
pub(super) fn section<'a>(component: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = component.get(8..)?;
    while let Some((kind, behind)) = rest.split_first() {
        let (length, behind) = leb128(behind)?;
        let (content, next) = behind.split_at_checked(length)?;
        if *kind == 0 {
            let (length, behind) = leb128(content)?;
            let (found, content) = behind.split_at_checked(length)?;
            if found == name.as_bytes() {
                return Some(content);
            }
        }
        rest = next;
    }
    None
}

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let seven = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(seven);
        }
        bytes.push(seven | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_its_length_and_its_name() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        append_section(&mut component, "name", &[7; 200]);
        append_section(&mut component, "other", b"text");
        // 1 + 4 + 200 bytes are 0xcd 0x01 as LEB128.
        assert_eq!(component[8..16], [0, 0xcd, 0x01, 4, b'n', b'a', b'm', b'e']);
        assert_eq!(section(&component, "name"), Some(&[7; 200][..]));
        assert_eq!(section(&component, "other"), Some(&b"text"[..]));
        assert_eq!(section(&component, "third"), None);
    }
}
