use std::fs;

use rcgen::generate_simple_self_signed;

use super::*;

/// A certificate and its key in `dir`, for `name`.
fn write_pair(dir: &Path, name: &str) -> Config {
    let pair = generate_simple_self_signed([name.to_owned()]).unwrap();
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    Config { certificate, key, ..Config::default() }
}

fn sentence(config: &Config) -> String {
    Tls::load(config, true).err().unwrap().to_string()
}

#[test]
fn bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let good = write_pair(dir.path(), "localhost");
    assert!(Tls::load(&good, true).is_ok());

    let missing = Config { certificate: dir.path().join("none.pem"), ..good.clone() };
    assert!(sentence(&missing).contains("none.pem cannot be read"), "{}", sentence(&missing));

    let swapped = Config { certificate: good.key.clone(), ..good.clone() };
    assert!(sentence(&swapped).contains("http.tls.certificate"), "{}", sentence(&swapped));

    let other = tempfile::tempdir().unwrap();
    let mixed = Config { key: write_pair(other.path(), "localhost").key, ..good.clone() };
    assert!(sentence(&mixed).contains("cannot be used together"), "{}", sentence(&mixed));

    let empty = dir.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let cas = [empty.display().to_string()].into_iter().collect();
    let no_ca = Config { clientcas: cas, ..good };
    assert!(sentence(&no_ca).contains("empty.pem holds nothing"), "{}", sentence(&no_ca));
}

#[test]
fn a_bad_new_certificate_leaves_the_old_one_in_service() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_pair(dir.path(), "localhost");
    let tls = Tls::load(&config, true).unwrap();
    let before = tls.current.load_full();
    let seen = tls.fingerprint();

    fs::write(&config.certificate, "no certificate").unwrap();
    assert_ne!(tls.fingerprint(), seen);
    tls.reload();
    assert!(Arc::ptr_eq(&before, &tls.current.load_full()));

    write_pair(dir.path(), "localhost");
    tls.reload();
    assert!(!Arc::ptr_eq(&before, &tls.current.load_full()));
}
