//! Several replicas on one bucket, with nothing else between them, behind a proxy that sends each request to the next one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::objects_s3::serve;
use crate::support::faults::Balancer;
use crate::support::http::with_query;
use crate::support::image::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST};
use crate::support::patience::{Over, wait_until};
use crate::support::server::Program;
use crate::support::stores::Store;
use crate::support::{Blob, Connection, Image, Request, Response, Server};

/// How long the clients go on trying.
const PUSHING_TIME_MAX: Duration = Duration::from_secs(180);
const CLIENTS: u64 = 4;
const IMAGES: u64 = 3;

/// A client that pushes as docker does: a layer whose upload fails is sent again from its beginning.
struct Docker<'a> {
    balancer: &'a Balancer,
    repository: String,
    deadline: Instant,
    /// What the registry has acknowledged.
    kept: Vec<Blob>,
}

impl Docker<'_> {
    /// The answer; `None` when it is one that a client tries again after: no connection, a broken one, 5xx.
    fn ask(&self, request: &Request) -> Option<Response> {
        let mut connection = Connection::open(self.balancer.address());
        connection.try_send(request).ok().filter(|answer| answer.status < 500)
    }

    #[track_caller]
    fn until_it_works<T>(&self, act: impl Fn() -> Option<T>) -> T {
        loop {
            if let Some(done) = act() {
                return done;
            }
            assert!(Instant::now() < self.deadline, "nothing works any more");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn push_blob(&mut self, blob: &Blob, pieces: usize) {
        let target = format!("/v2/{}/blobs/{}", self.repository, blob.digest);
        self.until_it_works(|| {
            let present = self.ask(&Request::head(&target))?;
            if present.status == 200 {
                return Some(());
            }
            let opened = self.ask(&Request::post(format!("/v2/{}/blobs/uploads/", self.repository)))?;
            let mut location = opened.expect(202).location();
            for piece in blob.bytes.chunks(blob.bytes.len().div_ceil(pieces)) {
                let answer = self.ask(&Request::patch(&location).body(piece))?;
                location = answer.expect(202).location();
            }
            let close = Request::put(with_query(&location, &format!("digest={}", blob.digest))).body(Vec::new());
            let closed = self.ask(&close)?;
            // The replica that took the first one was killed before it could say so.
            (closed.status != 404).then(|| closed.expect(201))?;
            Some(())
        });
        self.kept.push(blob.clone());
    }

    fn push(&mut self, tag: &str, image: &Image) {
        for (number, blob) in image.blobs().enumerate() {
            self.push_blob(blob, 1 + number % 3);
        }
        let target = format!("/v2/{}/manifests/{tag}", self.repository);
        let put = Request::put(target).content_type(&image.manifest.media_type).body(image.manifest.bytes.clone());
        self.until_it_works(|| self.ask(&put)).expect(201);
    }
}

fn image(seed: u64) -> Image {
    let layers = [200_000, 60_000, 90_000];
    let layers = (0..).zip(layers).map(|(at, len)| Blob::random(seed * 10 + at, len)).collect();
    Image::of(seed, layers, [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER])
}

fn push_all(balancer: &Balancer, client: u64) -> Vec<(String, String, Image)> {
    let repository = format!("team/app{client}");
    let deadline = Instant::now() + PUSHING_TIME_MAX;
    let mut docker = Docker { balancer, repository: repository.clone(), deadline, kept: Vec::new() };
    let images = (0..IMAGES).map(|number| (format!("v{number}"), image(3000 + client * 10 + number)));
    images
        .map(|(tag, image)| {
            docker.push(&tag, &image);
            (repository.clone(), tag, image)
        })
        .collect()
}

/// Kills one replica after the other, and starts it again when the others have had some work, until `done`.
fn kill_in_turn(replicas: &[Mutex<Server>], balancer: &Balancer, done: &AtomicBool) -> usize {
    for (kills, replica) in (1..).zip(replicas.iter().cycle()) {
        let mut replica = replica.lock().expect("a replica");
        replica.kill();
        let before = balancer.requests();
        while balancer.requests() < before + 12 && !done.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        replica.restart();
        drop(replica);
        let before = balancer.requests();
        while balancer.requests() < before + 12 && !done.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if done.load(Ordering::SeqCst) {
            return kills;
        }
    }
    0
}

#[test]
fn what_was_pushed_while_replicas_were_killed_is_there_and_whole() {
    let store = Store::s3();
    let replicas = [(); 3].map(|()| Mutex::new(serve(Program::Wharf, &store)));
    let balancer = Balancer::of(replicas.iter().map(|replica| replica.lock().expect("a replica").address()).collect());
    let done = AtomicBool::new(false);
    let (kills, pushed) = std::thread::scope(|scope| {
        let over = Over(&done);
        let killer = scope.spawn(|| kill_in_turn(&replicas, &balancer, &done));
        let clients = (0..CLIENTS).map(|client| {
            let balancer = &balancer;
            scope.spawn(move || push_all(balancer, client))
        });
        let clients = clients.collect::<Vec<_>>();
        let pushed = clients.into_iter().map(|client| client.join()).collect::<Vec<_>>();
        drop(over);
        (killer.join().expect("the killer"), pushed.into_iter().flat_map(|client| client.expect("a client")))
    });
    let pushed = pushed.collect::<Vec<_>>();
    assert_eq!(pushed.len() as u64, CLIENTS * IMAGES);
    assert!(kills >= 3 && balancer.failures() > 0, "{kills} kills, {} failures", balancer.failures());
    for replica in &replicas {
        let replica = replica.lock().expect("a replica");
        for (repository, tag, image) in &pushed {
            replica.check_image(repository, tag, image);
        }
    }
}

#[test]
fn tags_and_deletes_are_seen_by_every_replica() {
    let store = Store::s3();
    let [first, second, third] = [(); 3].map(|()| serve(Program::Wharf, &store));
    let (old, new) = (image(3100), image(3101));
    first.push_image("library/app", "v1", &old);
    for replica in [&first, &second, &third] {
        replica.check_image("library/app", "v1", &old);
    }
    second.push_image("library/app", "v1", &new);
    second.put_manifest("library/app", "v2", &old.manifest).expect(201);
    for replica in [&first, &second, &third] {
        replica.check_image("library/app", "v1", &new);
        assert_eq!(replica.tags("library/app"), ["v1", "v2"]);
    }
    third.delete("/v2/library/app/manifests/v1").expect(202);
    for replica in [&first, &second, &third] {
        replica.get("/v2/library/app/manifests/v1").expect_error(404, "MANIFEST_UNKNOWN");
        assert_eq!(replica.tags("library/app"), ["v2"]);
    }
    first.delete(&format!("/v2/library/app/manifests/{}", old.manifest.digest)).expect(202);
    for replica in [&first, &second, &third] {
        replica.get("/v2/library/app/manifests/v2").expect_error(404, "MANIFEST_UNKNOWN");
        assert!(replica.tags("library/app").is_empty());
    }
    // By their digest, others may go on giving them out for as long as they remember a repository's links.
    let target = format!("/v2/library/app/manifests/{}", old.manifest.digest);
    let gone = || second.get(&target).status == 404 && third.get(&target).status == 404;
    wait_until(gone, || "a deleted manifest is given out".to_owned());
    second.push_image("library/app", "v3", &old);
    for replica in [&first, &second, &third] {
        replica.check_image("library/app", "v3", &old);
    }
}
