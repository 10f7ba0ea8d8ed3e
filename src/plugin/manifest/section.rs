//! Where a manifest lies in a component: in a custom section of the component itself, put there by `wharf plugin build`, or of
//! the core module in it, put there by the author's own compiler (`#[link_section]`).

use wasmparser::{BinaryReader, Parser, Payload};

use super::MANIFEST_BYTES_MAX;

/// The name of the section.
pub const SECTION: &str = "wharf-plugin";

/// Magic number, version and layer.
const PREAMBLE_BYTES: usize = 8;
const COMPONENT_LAYER: [u8; 2] = [1, 0];

/// The text of a component's manifest, if it has one. That of the component itself goes before one in its modules.
///
/// # Errors
/// When the component can't be read, the manifest is too long or no text, or the modules in it have several.
pub fn section(component: &[u8]) -> Result<Option<&str>, String> {
    let mut depth = 0_usize;
    let (mut own, mut inner): (Option<&[u8]>, Option<&[u8]>) = (None, None);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| format!("the file is no WebAssembly component: {error}"))? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(found) if found.name() == SECTION => {
                let place = if depth <= 1 { &mut own } else { &mut inner };
                if place.is_some_and(|other| other != found.data()) {
                    return Err(format!(
                        "the component carries several manifests (sections {SECTION:?}) that differ; keep the one that is meant \
                         with \"wharf plugin build\""
                    ));
                }
                *place = Some(found.data());
            }
            _ => {}
        }
    }
    let Some(bytes) = own.or(inner) else { return Ok(None) };
    if bytes.len() > MANIFEST_BYTES_MAX {
        let length = bytes.len();
        return Err(format!(
            "the component's manifest has {length} bytes; {MANIFEST_BYTES_MAX} are the most that is read"
        ));
    }
    std::str::from_utf8(bytes).map(Some).map_err(|_| "the component's manifest is no text".to_owned())
}

/// The component with this manifest in it, in place of any that it carried itself. The text is not checked; see
/// [`Manifest::check`](super::Manifest::check).
///
/// # Errors
/// When `component` is none.
pub fn embed(component: &[u8], manifest: &str) -> Result<Vec<u8>, String> {
    let is_component = component.len() >= PREAMBLE_BYTES
        && component.starts_with(b"\0asm")
        && component[PREAMBLE_BYTES - 2..PREAMBLE_BYTES] == COMPONENT_LAYER;
    if !is_component {
        return Err("a manifest goes into a component, and this is none; make one of the module first".into());
    }
    let mut out = component[..PREAMBLE_BYTES].to_vec();
    let mut rest = &component[PREAMBLE_BYTES..];
    while !rest.is_empty() {
        let (whole, is_manifest) =
            first_section(rest).map_err(|error| format!("the component can't be read: {error}"))?;
        let (section, after) = rest.split_at(whole);
        if !is_manifest {
            out.extend_from_slice(section);
        }
        rest = after;
    }
    let mut content = Vec::with_capacity(SECTION.len() + manifest.len() + 8);
    write_length(&mut content, SECTION.len());
    content.extend_from_slice(SECTION.as_bytes());
    content.extend_from_slice(manifest.as_bytes());
    out.push(0);
    write_length(&mut out, content.len());
    out.extend_from_slice(&content);
    Ok(out)
}

/// The length of the section at the front, its head included, and whether it is a manifest.
fn first_section(bytes: &[u8]) -> wasmparser::Result<(usize, bool)> {
    let mut reader = BinaryReader::new(bytes, 0);
    let id = reader.read_u8()?;
    let length = reader.read_var_u32()? as usize;
    let content = reader.read_bytes(length)?;
    let is_manifest = id == 0 && BinaryReader::new(content, 0).read_string().is_ok_and(|name| name == SECTION);
    Ok((bytes.len() - reader.bytes_remaining(), is_manifest))
}

/// LEB128, as WebAssembly writes lengths.
fn write_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
