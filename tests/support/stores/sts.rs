//! Temporary keys from MinIO's own token service, which it checks in every request afterwards.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;

use super::{ACCESS_KEY, SECRET_KEY};
use crate::support::http::{Connection, Request, Response};
use crate::support::patience::wait_for;
use crate::support::sha256;

/// Keys for a while.
#[derive(Clone, Debug)]
pub struct TemporaryKeys {
    pub access: String,
    pub secret: String,
    pub token: String,
}

impl TemporaryKeys {
    /// Of the user that the MinIO at `store` is started with, for a quarter of an hour. It says that it is ready before this is.
    #[track_caller]
    pub fn of_minio(store: SocketAddr) -> Self {
        let ready = || Some(ask(store)).filter(|answer| !answer.text().contains("not initialized"));
        let answer = wait_for(ready, || "MinIO's token service is not initialized".to_owned());
        Self::read(&answer.expect(200).text())
    }

    fn read(answer: &str) -> Self {
        let value = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).expect("an element");
            rest.split_once("</").expect("an end").0.to_owned()
        };
        Self { access: value("AccessKeyId"), secret: value("SecretAccessKey"), token: value("SessionToken") }
    }
}

/// One request for keys, signed for the token service.
fn ask(store: SocketAddr) -> Response {
    let body = "Action=AssumeRole&Version=2011-06-15&DurationSeconds=900";
    let now = jiff::Timestamp::now();
    let (time, day) = (now.strftime("%Y%m%dT%H%M%SZ").to_string(), now.strftime("%Y%m%d").to_string());
    let hash = |text: &str| sha256(text.as_bytes()).trim_start_matches("sha256:").to_owned();
    let request = format!("POST\n/\n\nhost:{store}\nx-amz-date:{time}\n\nhost;x-amz-date\n{}", hash(body));
    let scope = format!("{day}/us-east-1/sts/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(&request));
    let sign =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let first = sign(format!("AWS4{SECRET_KEY}").as_bytes(), &day);
    let key = ["us-east-1", "sts", "aws4_request"].iter().fold(first, |key, part| sign(&key, part));
    let signature = HEXLOWER.encode(&sign(&key, &text));
    let proof = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let request = Request::post("/").header("x-amz-date", time).header("Authorization", proof);
    let request = request.content_type("application/x-www-form-urlencoded").body(body);
    Connection::open(store).send(&request)
}
