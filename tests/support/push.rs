//! Pushing and pulling as a plain client does it.

use super::http::{Request, Response, with_query};
use super::image::{Blob, Image, Manifest};
use super::server::Server;

impl Server {
    /// Starts an upload and gives the path and query to continue at.
    #[track_caller]
    pub fn start_upload(&self, repository: &str) -> String {
        self.send(Request::post(format!("/v2/{repository}/blobs/uploads/"))).expect(202).location()
    }

    /// PATCHes bytes onto an upload.
    #[track_caller]
    pub fn patch(&self, location: &str, bytes: &[u8]) -> Response {
        self.send(Request::patch(location).content_type("application/octet-stream").body(bytes))
    }

    /// Closes an upload, with the last bytes or none.
    #[track_caller]
    pub fn close_upload(&self, location: &str, digest: &str, bytes: &[u8]) -> Response {
        let target = with_query(location, &format!("digest={digest}"));
        self.send(Request::put(target).content_type("application/octet-stream").body(bytes))
    }

    /// Pushes a blob by POST and PUT.
    #[track_caller]
    pub fn push_blob(&self, repository: &str, blob: &Blob) {
        let location = self.start_upload(repository);
        self.close_upload(&location, &blob.digest, &blob.bytes).expect(201);
    }

    /// Puts a manifest under a tag or a digest.
    #[track_caller]
    pub fn put_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) -> Response {
        let target = format!("/v2/{repository}/manifests/{reference}");
        self.send(Request::put(target).content_type(&manifest.media_type).body(manifest.bytes.clone()))
    }

    /// Pushes blobs and manifest.
    #[track_caller]
    pub fn push_image(&self, repository: &str, reference: &str, image: &Image) {
        self.push_blobs(repository, image);
        self.put_manifest(repository, reference, &image.manifest).expect(201);
    }

    /// Pushes the blobs of an image, and not its manifest.
    #[track_caller]
    pub fn push_blobs(&self, repository: &str, image: &Image) {
        image.blobs().for_each(|blob| self.push_blob(repository, blob));
    }

    /// Checks that a manifest comes back bit for bit, with its type and digest.
    #[track_caller]
    pub fn check_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        // `distribution` serves nothing that `Accept` does not name.
        let target = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.send(Request::get(target).header("Accept", &manifest.media_type)).expect(200);
        assert!(answer.body == manifest.bytes, "{repository}:{reference} has other bytes");
        assert_eq!(answer.the("content-type"), manifest.media_type);
        if !reference.starts_with("sha512:") {
            assert_eq!(answer.the("docker-content-digest"), manifest.digest);
        }
    }

    /// Checks that a blob comes back bit for bit.
    #[track_caller]
    pub fn check_blob(&self, repository: &str, blob: &Blob) {
        let answer = self.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).expect(200);
        assert!(answer.body == blob.bytes, "{} of {repository} has other bytes", blob.digest);
    }

    /// Checks an image as a whole.
    #[track_caller]
    pub fn check_image(&self, repository: &str, reference: &str, image: &Image) {
        self.check_manifest(repository, reference, &image.manifest);
        self.check_manifest(repository, &image.manifest.digest, &image.manifest);
        image.blobs().for_each(|blob| self.check_blob(repository, blob));
    }

    /// The tags of a repository.
    #[track_caller]
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let json = self.get(&format!("/v2/{repository}/tags/list")).expect(200).json();
        strings(&json["tags"])
    }
}

/// The strings of a JSON array; `null` counts as empty, as it does for clients.
pub fn strings(json: &serde_json::Value) -> Vec<String> {
    let words = json.as_array().into_iter().flatten();
    words.map(|word| word.as_str().expect("a string").to_owned()).collect()
}
