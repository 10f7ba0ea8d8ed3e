//! The server: where it is, how it is asked, and what its answers mean.

use crate::bindings::wharf::storage::types::{Error, Unavailability};
use crate::path;
use base64ct::{Base64, Encoding};
use wharf_plugin_support::config::{Problem, Reader as Config};
use wharf_plugin_support::http::{self, Request, Response, Url};

/// How long the server may take to connect, and to begin its answer.
const TIMEOUT_MS: u64 = 60_000;

/// A WebDAV server and the folder on it.
pub(crate) struct Server {
    /// The folder; its path ends with a slash.
    base: Url,
    authorization: Option<String>,
}

impl Server {
    pub(crate) fn read(mut config: Config) -> Result<Self, Vec<Problem>> {
        let text = config.required("url", "the folder that is used, such as https://dav.example.com/registry/");
        let base = Url::parse(&text).unwrap_or_else(|problem| {
            if !text.is_empty() {
                config.problem("url", problem);
            }
            Url { secure: true, authority: String::new(), path: "/".to_owned() }
        });
        if base.path.contains('?') {
            config.problem("url", "has a query, which no folder has");
        }
        let path = if base.path.ends_with('/') { base.path.clone() } else { format!("{}/", base.path) };
        let authorization = config.text("username").map(|username| {
            let password = config.text("password").unwrap_or_default();
            format!("Basic {}", Base64::encode_string(format!("{username}:{password}").as_bytes()))
        });
        config.finish(Self { base: base.with_path(path), authorization })
    }

    /// The address of a path beneath the folder.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.base.with_path(format!("{}{}", self.base.path, path::encoded(path)))
    }

    /// A request for a path.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, &self.url(path)).timeout_ms(TIMEOUT_MS);
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization.as_str()),
            None => request,
        }
    }

    /// Asks for something without a body, and makes an error of an answer that is none of success.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        let request =
            headers.iter().fold(self.request(method, path), |request, (name, value)| request.header(name, *value));
        let response = request.send(&[]).map_err(|error| lost(&error))?;
        if response.is_success() { Ok(response) } else { Err(refused(&response, method)) }
    }

    /// Makes a folder, and those that it lies in.
    pub(crate) fn make_folder(&self, folder: &str) -> Result<(), Error> {
        let asked = |folder: &str| self.request("MKCOL", &format!("{folder}/")).send(&[]).map_err(|error| lost(&error));
        let made = |folder: &str| {
            let mut response = asked(folder)?;
            if response.status == 403 {
                // What Apache says to one of two who make it at the same time; asked again, it says that it is there.
                response = asked(folder)?;
            }
            match response.status {
                // 405: it is there already.
                200..300 | 405 => Ok(true),
                // 409: what it should lie in is not.
                409 => Ok(false),
                _ => Err(refused(&response, "MKCOL")),
            }
        };
        if made(folder)? {
            return Ok(());
        }
        let cuts = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        for cut in cuts {
            if !made(&folder[..cut])? {
                return Err(Error::Other("the server has no folder at `url`: make it first".to_owned()));
            }
        }
        Ok(())
    }
}

/// What an answer means that is none of success.
pub(crate) fn refused(response: &Response, method: &str) -> Error {
    let said = format!("the server answered {method} with {}", response.status);
    match response.status {
        404 | 410 => Error::NotFound,
        401 | 403 => Error::PermissionDenied(said),
        409 | 423 => Error::Conflict,
        507 => Error::NoSpace,
        408 | 425 | 429 | 500.. => {
            let seconds = response.header("retry-after").and_then(|text| text.trim().parse::<u32>().ok());
            let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
            Error::Unavailable(Unavailability { retry_after_ms, reason: said })
        }
        _ => Error::Other(said),
    }
}

/// What it means that there was no answer.
pub(crate) fn lost(error: &http::Error) -> Error {
    match error {
        http::Error::Denied(_) => Error::PermissionDenied(format!("{error}; see `grants.hosts`")),
        http::Error::Failed(_) | http::Error::TooLarge => {
            Error::Unavailable(Unavailability { retry_after_ms: None, reason: error.to_string() })
        }
    }
}
