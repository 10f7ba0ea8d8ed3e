//! What the stores differ in: how they are started, and how a server is told of them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use aws_lc_rs::hmac;
use data_encoding::BASE64;

use super::{ACCESS_KEY, BUCKET, SECRET_KEY, Store, listens, support_file};
use crate::support::http::{Connection, Request};
use crate::support::tools;

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// versitygw, which speaks S3 and keeps files.
    S3,
    /// MinIO, another engine of S3.
    Minio,
    /// s3rver, which speaks S3 badly: it ignores conditions, knows no copies of parts, and pages wrongly.
    S3rver,
    /// Our double of OSS.
    Oss,
    /// Azurite.
    Azure,
    /// OpenStack Swift, with a login of its own.
    Swift,
    /// fake-gcs-server.
    Gcs,
}

/// The account of Azurite; its name is the access key.
fn azure_key() -> String {
    BASE64.encode(SECRET_KEY.as_bytes())
}

impl Kind {
    pub(super) fn command(
        self,
        data: &Path,
        address: SocketAddr,
        region: &str,
        certificate: Option<(String, String)>,
    ) -> Command {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let (program, bucket) = (self.program(), data.join(BUCKET));
        let mut command = Command::new(program);
        match self {
            Self::S3 => {
                fs::create_dir_all(bucket).expect("a directory");
                command.args(["--quiet", "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--region", region]);
                command.args(["--port", &address.to_string()]);
                command.arg("--access-log").arg(data.with_file_name("access.log"));
                if let Some((certificate, key)) = certificate {
                    command.args(["--cert", &certificate, "--key", &key]);
                }
                command.arg("posix").arg(data);
            }
            Self::Minio => {
                fs::create_dir_all(bucket).expect("a directory");
                command.env("MINIO_ROOT_USER", ACCESS_KEY).env("MINIO_ROOT_PASSWORD", SECRET_KEY);
                command.env("MINIO_BROWSER", "off").env("MINIO_UPDATE", "off").env("HOME", data);
                command.args(["server", "--quiet", "--address", &address.to_string()]).arg(data);
            }
            Self::S3rver => {
                command.args(["--address", &host, "--port", &port, "--no-vhost-buckets", "--configure-bucket", BUCKET]);
                command.arg("--directory").arg(data);
            }
            Self::Oss => {
                command.arg(support_file("oss_double.py"));
                command.args([ACCESS_KEY, SECRET_KEY, BUCKET, region, &port]);
                command.args(certificate.into_iter().flat_map(|(certificate, key)| [certificate, key]));
            }
            Self::Azure => {
                command.env("AZURITE_ACCOUNTS", format!("{ACCESS_KEY}:{}", azure_key()));
                command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", &host]);
                command.args(["--blobPort", &port, "--location"]).arg(data);
                if let Some((certificate, key)) = certificate {
                    command.args(["--oauth", "basic", "--cert", &certificate, "--key", &key]);
                }
            }
            Self::Swift => {
                command.arg(support_file("swift_server.py")).arg(data).args([&port, "test:tester", SECRET_KEY]);
            }
            Self::Gcs => {
                let url = format!("http://{address}");
                command.args(["-scheme", "http", "-host", &host, "-port", &port, "-backend", "memory"]);
                command.args(["-public-host", &address.to_string(), "-external-url", &url, "-log-level", "error"]);
            }
        }
        command
    }

    fn program(self) -> std::path::PathBuf {
        match self {
            Self::S3 => tools::versitygw(),
            Self::Minio => tools::minio(),
            Self::S3rver => tools::s3rver(),
            Self::Oss => "python3".into(),
            Self::Azure => tools::azurite(),
            Self::Swift => tools::swift(),
            Self::Gcs => tools::fake_gcs(),
        }
    }

    /// Whether it takes requests. Some listen before they do.
    pub(super) fn is_ready(self, address: SocketAddr) -> bool {
        let path = match self {
            Self::Minio => "/minio/health/ready",
            Self::Swift => "/healthcheck",
            _ => return listens(address),
        };
        let Ok(stream) = std::net::TcpStream::connect(address) else { return false };
        let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
        let mut connection = Connection::over(Box::new(stream), &address.to_string());
        connection.try_send(&Request::get(path)).is_ok_and(|answer| answer.status == 200)
    }

    /// Makes the bucket, where it is not a folder or made by Wharf.
    #[track_caller]
    pub(super) fn make_bucket(self, store: &Store) {
        match self {
            Self::Azure => {
                azure(store, "PUT", &format!("/{ACCESS_KEY}/{BUCKET}"), "restype:container");
            }
            Self::Gcs => {
                let make = Request::post("/storage/v1/b?project=test").content_type("application/json");
                let name = format!("{{\"name\": \"{BUCKET}\"}}");
                Connection::open(store.address).send(&make.body(name)).expect(200);
            }
            _ => {}
        }
    }

    /// The driver's section of a configuration, in two spaces.
    pub(super) fn driver(self, address: SocketAddr, region: &str) -> String {
        let lines = match self {
            // The keys that s3rver is born with.
            Self::S3rver => s3_lines(address, region, "S3RVER", "S3RVER"),
            Self::S3 | Self::Minio => s3_lines(address, region, ACCESS_KEY, SECRET_KEY),
            Self::Oss => format!(
                "oss:\n  accesskeyid: {ACCESS_KEY}\n  accesskeysecret: {SECRET_KEY}\n  bucket: {BUCKET}\n  region: oss-cn-hangzhou\n  \
                 endpoint: http://{address}\n"
            ),
            Self::Azure => format!(
                "azure:\n  accountname: {ACCESS_KEY}\n  accountkey: {}\n  container: {BUCKET}\n  \
                 serviceurl: http://{address}/{ACCESS_KEY}\n  credentials:\n    type: shared_key\n",
                azure_key()
            ),
            Self::Swift => format!(
                "swift:\n  authurl: http://{address}/auth/v1.0\n  username: test:tester\n  password: {SECRET_KEY}\n  \
                 container: {BUCKET}\n"
            ),
            // It takes no uploads in parts.
            Self::Gcs => format!("gcs:\n  bucket: {BUCKET}\n  chunksize: 64MiB\n"),
        };
        lines.lines().map(|line| format!("  {line}\n")).collect()
    }

    /// What stands in the environment of a server.
    pub(super) fn variables(self, address: SocketAddr) -> Vec<(&'static str, String)> {
        match self {
            Self::Gcs => vec![("STORAGE_EMULATOR_HOST", format!("http://{address}"))],
            _ => Vec::new(),
        }
    }
}

fn s3_lines(address: SocketAddr, region: &str, access: &str, secret: &str) -> String {
    format!(
        "s3:\n  accesskey: {access}\n  secretkey: {secret}\n  bucket: {BUCKET}\n  region: {region}\n  \
         regionendpoint: http://{address}\n  forcepathstyle: true\n"
    )
}

/// A request to Azurite without a body, signed by the account's key. `parameter` is written as the signature wants it.
#[track_caller]
fn azure(store: &Store, method: &str, path: &str, parameter: &str) {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = format!("x-ms-date:{date}\nx-ms-version:2023-11-03");
    // Eleven standard headers, none of which is there.
    let text = format!("{method}{}{headers}\n/{ACCESS_KEY}{path}\n{parameter}", "\n".repeat(12));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET_KEY.as_bytes());
    let signature = BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref());
    let request = Request::new(method, format!("{path}?{}", parameter.replace(':', "=")))
        .header("x-ms-date", date)
        .header("x-ms-version", "2023-11-03")
        .header("Authorization", format!("SharedKey {ACCESS_KEY}:{signature}"));
    store.connect().send(&request.body(Vec::new())).expect(201);
}
