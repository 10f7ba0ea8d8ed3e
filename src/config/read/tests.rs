use super::*;

fn yaml(text: &str, environment: &[(&str, &str)]) -> (Config, Report) {
    let mut report = Report::default();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let root = match yaml::parse(text, &yaml::Text::File(Arc::from("config.yml")), &mut report) {
        Ok(root) => root,
        Err(refused) => panic!("{}", refused.sentence),
    };
    let config = understand(root, Dialect::Yaml, &environment, &mut report);
    (config, report)
}

#[test]
fn a_first_file() {
    let (config, report) = yaml(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /data\nhttp:\n  addr: :5000\n  draintimeout: 10s\n",
        &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/other"), ("REGISTRY_HTTP_LIMITS_MANIFEST_BYTES_MAX", "8MiB")],
    );
    assert_eq!(report, Report::default());
    assert_eq!(config.http.addr, ":5000");
    assert_eq!(config.http.draintimeout.get().as_secs(), 10);
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/other"));
    assert_eq!(config.http.limits.manifest_bytes_max.get(), 8 << 20);
}
