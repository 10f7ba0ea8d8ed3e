//! The least that a server in front of an S3 bucket could do with an object: sign one request and move the bytes, with the HTTP
//! library and the signer that Wharf uses, and the hash that it uses on CPUs without SHA instructions. `cargo xtask bench` puts it beside Wharf.
//!
//! ```text
//! signed-client URL ACCESS_KEY SECRET_KEY get [HOST:PORT]
//! signed-client URL ACCESS_KEY SECRET_KEY put|put-hashed BYTES [HOST:PORT]
//! ```
//!
//! With an address, it passes on what it gets to whoever listens there, or sends to the store what comes from there.

use std::error::Error;

use aws_lc_rs::digest::{Context as Hasher, SHA256};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much is read, hashed and sent at a time.
const PIECE_BYTES: usize = 256 << 10;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    let (Some(url), Some(access), Some(secret), Some(work)) = (argument(0), argument(1), argument(2), argument(3))
    else {
        return Err("signed-client URL ACCESS_KEY SECRET_KEY get|put|put-hashed …".into());
    };
    let store = Store { url, keys: StaticCredentialProvider::new(access, secret), client: reqwest::Client::new() };
    match (work, argument(4)) {
        ("get", to) => store.get(connected(to).await?).await,
        ("put" | "put-hashed", Some(bytes)) => {
            let hasher = (work == "put-hashed").then(|| Hasher::new(&SHA256));
            store.put(bytes.parse()?, hasher, connected(argument(5)).await?).await
        }
        _ => Err("what is to be done?".into()),
    }
}

async fn connected(address: Option<&str>) -> Outcome<Option<TcpStream>> {
    match address {
        Some(address) => Ok(Some(TcpStream::connect(address).await?)),
        None => Ok(None),
    }
}

struct Store<'a> {
    url: &'a str,
    keys: StaticCredentialProvider,
    client: reqwest::Client,
}

impl Store<'_> {
    async fn get(self, mut to: Option<TcpStream>) -> Outcome<()> {
        let mut answer = self.send(http::Request::get(self.url), reqwest::Body::default()).await?;
        let expected = answer.content_length().ok_or("an answer without a length")?;
        let mut bytes = 0;
        while let Some(piece) = answer.chunk().await? {
            bytes += piece.len() as u64;
            if let Some(to) = &mut to {
                to.write_all(&piece).await?;
            }
        }
        if bytes == expected { Ok(()) } else { Err("the answer fell short".into()) }
    }

    async fn put(self, bytes: u64, hasher: Option<Hasher>, from: Option<TcpStream>) -> Outcome<()> {
        let source = Source { left: bytes, hasher, from, ready: Bytes::from(vec![0x5a; PIECE_BYTES]) };
        let body = stream::try_unfold(source, |mut source| async move {
            let piece = source.piece().await?;
            Outcome::Ok(piece.map(|piece| (piece, source)))
        });
        let request = http::Request::put(self.url).header(CONTENT_LENGTH, bytes);
        self.send(request, reqwest::Body::wrap_stream(body)).await.map(drop)
    }

    /// Signs a request, but not what it carries, as Wharf does.
    async fn send(&self, request: http::request::Builder, body: reqwest::Body) -> Outcome<reqwest::Response> {
        let (mut parts, ()) = request.body(())?.into_parts();
        let signer = Signer::new(Context::new(), self.keys.clone(), RequestSigner::new("s3", "us-east-1"));
        signer.sign(&mut parts, None).await?;
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))?;
        Ok(self.client.execute(request).await?.error_for_status()?)
    }
}

/// What is sent.
struct Source {
    left: u64,
    hasher: Option<Hasher>,
    from: Option<TcpStream>,
    /// Sent again and again, where nobody is to be read from.
    ready: Bytes,
}

impl Source {
    async fn piece(&mut self) -> Outcome<Option<Bytes>> {
        if self.left == 0 {
            if let Some(hasher) = self.hasher.take() {
                println!("{:?}", hasher.finish());
            }
            return Ok(None);
        }
        let bytes_max = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let piece = match &mut self.from {
            None => self.ready.slice(..bytes_max),
            Some(from) => {
                let mut buffer = BytesMut::with_capacity(bytes_max);
                if from.read_buf(&mut buffer).await? == 0 {
                    return Err("the bytes ended too early".into());
                }
                buffer.freeze()
            }
        };
        self.left = self.left.saturating_sub(piece.len() as u64);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        Ok(Some(piece))
    }
}
