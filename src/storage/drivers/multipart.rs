//! Uploads in parts that were begun and never finished, at S3 and at OSS, which keep them, and bill them, until somebody looks.
//! OpenDAL knows no request that lists them; these are signed and sent as its own are.

use ::opendal::{Buffer, Error, ErrorKind, HttpTransporter, Result};
use async_trait::async_trait;
use http::{Method, Request, StatusCode};
use serde::Deserialize;

use super::urls::escaped;
use crate::storage::opendal::{BegunWrite, BegunWrites, BegunWritesPage};

/// As many as a store gives in one answer.
const PAGE: usize = 1000;
/// The SHA-256 of no bytes, which S3 wants to be told.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The unfinished uploads of one bucket.
pub(super) struct MultipartUploads {
    transporter: HttpTransporter,
    /// URL of the bucket, without a slash at its end.
    bucket: String,
    /// What stands before every key: nothing, or a path that ends with a slash.
    root: String,
}

impl MultipartUploads {
    /// `transporter` signs what it sends.
    pub(super) fn new(transporter: HttpTransporter, bucket: String, rootdirectory: &str) -> Self {
        let root = rootdirectory.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("{root}/") };
        Self { transporter, bucket, root }
    }

    async fn send(&self, method: Method, url: String) -> Result<(StatusCode, Vec<u8>)> {
        let request = Request::builder().method(method).uri(url).header("x-amz-content-sha256", EMPTY_SHA256);
        let request =
            request.body(Buffer::new()).map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
        let (parts, body) = self.transporter.send(request).await?.into_parts();
        Ok((parts.status, body.to_vec()))
    }
}

#[async_trait]
impl BegunWrites for MultipartUploads {
    async fn page(&self, prefix: &str, after: Option<&BegunWrite>) -> Result<BegunWritesPage> {
        let value = |text: &str| escaped(text).replace('/', "%2F");
        let mut url =
            format!("{}?uploads&max-uploads={PAGE}&prefix={}", self.bucket, value(&format!("{}{prefix}", self.root)));
        if let Some(BegunWrite { path, id, .. }) = after {
            let key = value(&format!("{}{path}", self.root));
            url += &format!("&key-marker={key}&upload-id-marker={}", value(id));
        }
        let (status, body) = self.send(Method::GET, url).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        parse(&body, &self.root)
    }

    async fn abort(&self, write: &BegunWrite) -> Result<()> {
        let key = format!("{}{}", self.root, write.path);
        let id = escaped(&write.id).replace('/', "%2F");
        let url = format!("{}/{}?uploadId={id}", self.bucket, escaped(&key));
        match self.send(Method::DELETE, url).await? {
            (status, _) if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            (status, body) => Err(refusal(status, &body)),
        }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let kind = match status.as_u16() {
        403 => ErrorKind::PermissionDenied,
        429 => ErrorKind::RateLimited,
        405 | 501 => ErrorKind::Unsupported,
        _ => ErrorKind::Unexpected,
    };
    let said: String = String::from_utf8_lossy(body).chars().take(500).collect();
    let error = Error::new(kind, format!("status: {status}, {said}"));
    if status.is_server_error() && kind == ErrorKind::Unexpected { error.set_temporary() } else { error }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Listed {
    is_truncated: bool,
    #[serde(rename = "Upload")]
    uploads: Vec<ListedUpload>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ListedUpload {
    key: String,
    upload_id: String,
    initiated: String,
}

fn parse(body: &[u8], root: &str) -> Result<BegunWritesPage> {
    let listed: Listed = quick_xml::de::from_reader(body).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("the list of unfinished uploads can't be read: {error}"))
    })?;
    let more = listed.is_truncated && !listed.uploads.is_empty();
    let writes = listed.uploads.into_iter().filter_map(|upload| {
        let path = upload.key.strip_prefix(root)?.to_owned();
        let began = upload.initiated.parse::<jiff::Timestamp>().ok().map(Into::into);
        Some(BegunWrite { path, id: upload.upload_id, began })
    });
    Ok(BegunWritesPage { writes: writes.collect(), more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_the_service_documents_it() {
        let body = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><KeyMarker></KeyMarker>
            <MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated>
            <Upload><Key>root/docker/a&amp;b</Key><UploadId>x/1</UploadId><Owner><ID>o</ID></Owner>
            <StorageClass>STANDARD</StorageClass><Initiated>2026-11-10T20:48:33.000Z</Initiated></Upload>
            <Upload><Key>elsewhere</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>"#;
        let page = parse(body, "root/").unwrap();
        assert!(page.more);
        assert_eq!(page.writes.len(), 1);
        assert_eq!((&*page.writes[0].path, &*page.writes[0].id), ("docker/a&b", "x/1"));
        assert!(page.writes[0].began.is_some());
        assert!(parse(b"<ListMultipartUploadsResult/>", "").unwrap().writes.is_empty());
        assert!(parse(b"<html>", "").is_err());
    }
}
