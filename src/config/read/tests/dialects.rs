//! TOML, which file is which, and files that can't be read.

use std::fs;
use std::path::Path;

use super::super::testing::{toml, yaml};
use super::super::{Dialect, Inputs, Source, dialect, load};

#[test]
fn a_toml_file_with_everything_that_toml_has() {
    let config = toml(
        "[storage.filesystem]\nrootdirectory = '/data'\nmaxthreads = 0x40\n\n[http]\naddr = ':5000'\nrelativeurls = true\n\
         draintimeout = '10s'\n\n[http.limits]\nmanifest_bytes_max = '8MiB'\nheader_bytes_max = 16_384\n\n\
         [[auth.access]]\nwho = '*'\nrepositories = ['public/**']\n",
        &[],
    )
    .silent();
    let filesystem = config.storage.filesystem.unwrap();
    assert_eq!((filesystem.rootdirectory.as_path(), filesystem.maxthreads), (Path::new("/data"), 64));
    assert!(config.http.relativeurls);
    assert_eq!(config.http.limits.header_bytes_max.get(), 16_384);
    assert_eq!(config.http.limits.manifest_bytes_max.get(), 8 << 20);
    assert_eq!(&*config.auth.access[0].actions, ["pull"]);
}

#[test]
fn an_unknown_key_is_a_mistake_in_toml() {
    toml("[http]\nadr = ':5000'\n", &[]).refused(&["http.adr", "wharf.toml line 2", "\"addr\""]);
    toml("[htp]\n", &[]).refused(&["htp", "wharf.toml line 1", "\"http\""]);
}

#[test]
fn every_mistake_is_told_at_once() {
    let outcome = toml(
        "[http]\nadr = ':5000'\ndraintimeout = 'soon'\nprefix = 'x'\n[log]\nlevel = 'loud'\n[tags]\nmaxtags = -1\n",
        &[("REGISTRY_HTTP_ADDR", "nonsense")],
    );
    let text = outcome.mistakes.join("\n");
    for word in [
        "http.adr (wharf.toml line 2)",
        "http.draintimeout (wharf.toml line 3): is \"soon\"",
        "http.prefix (wharf.toml line 4): is \"x\"",
        "log.level (wharf.toml line 6): is \"loud\"",
        "tags.maxtags (wharf.toml line 8): is \"-1\"",
        "http.addr (variable REGISTRY_HTTP_ADDR): \"nonsense\"",
    ] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    assert_eq!(outcome.mistakes.len(), 6, "{text}");
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    let outcome = toml("[http]\naddr = \n[log\n", &[]);
    assert!(outcome.mistakes.iter().any(|line| line.contains("wharf.toml line 2: no valid TOML")), "{outcome:?}");
}

#[test]
fn without_a_driver_a_toml_file_means_a_local_directory() {
    let config = toml("[log]\nlevel = 'debug'\n", &[]).silent();
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("wharf-data"));
    yaml("version: 0.1\nlog: {level: debug}\n", &[]).refused(&["storage", "no driver", "filesystem"]);
}

#[test]
fn the_dialect_follows_the_name_and_else_the_text() {
    let of = |name: &str, text: &str| dialect(Path::new(name), text);
    assert_eq!(of("a.toml", ""), Dialect::Toml);
    assert_eq!(of("a.yml", "a = 1"), Dialect::Yaml);
    assert_eq!(of("config", "# x\nversion: 0.1\n"), Dialect::Yaml);
    assert_eq!(of("config", "# x\n\n[http]\naddr = ':1'\n"), Dialect::Toml);
    assert_eq!(of("config", "version = '0.1'\n"), Dialect::Toml);
}

#[test]
fn files_are_found_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yml");
    fs::write(&path, "\u{feff}version: 0.1\nstorage: inmemory\n").unwrap();
    let inputs = Inputs { argument: Some(path.clone()), ..Inputs::default() };
    let loaded = load(&inputs).unwrap();
    assert_eq!(loaded.source, Source::File(path));
    assert!(loaded.config.storage.inmemory.is_some());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let latin1 = directory.path().join("latin1.yml");
    fs::write(&latin1, b"version: 0.1 # caf\xe9\n").unwrap();
    let large = directory.path().join("large.yml");
    fs::write(&large, "#".repeat((1 << 20) + 1)).unwrap();
    for (path, word) in [
        (directory.path().join("missing.yml"), "no such file"),
        (directory.path().to_owned(), "directory"),
        (latin1, "UTF-8"),
        (large, "larger than 1 MiB"),
    ] {
        let report = load(&Inputs { argument: Some(path.clone()), ..Inputs::default() }).unwrap_err();
        let text = report.to_string();
        assert!(text.contains(word) && text.contains(&path.display().to_string()), "{text}");
    }
}

#[test]
fn without_a_file_there_is_a_local_server() {
    let loaded = load(&Inputs::default()).unwrap();
    assert_eq!(loaded.source, Source::BuiltIn);
    assert_eq!(loaded.config.http.addr, "127.0.0.1:5000");
    assert_eq!(loaded.config.storage.filesystem.unwrap().rootdirectory, Path::new("wharf-data"));
    assert!(loaded.warnings.is_empty());
}
