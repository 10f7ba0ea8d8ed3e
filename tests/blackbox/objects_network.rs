//! A store that is slow, throttles, breaks off or lies costs time or a typed error, never a wrong or lost byte.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::objects_s3::NO_REDIRECT;
use crate::support::faults::{Fault, FaultProxy, Rule};
use crate::support::http::with_query;
use crate::support::patience::{wait_for, wait_until};
use crate::support::stores::Store;
use crate::support::{Blob, Image, Request, Response, Server};

const MIB: usize = 1 << 20;

/// Limits that a test can wait for.
const IMPATIENT: &str = "  requests:\n    answer_timeout: 500ms\n    work_timeout: 1s\n    body_idle_timeout: 500ms\n    deadline: 6s\n    pause: 5ms\n    \
                         breaker_pause: 200ms\n    breaker_failures: 40\n";

/// How long a client waits for a typed error at the very most: the deadline, and what a busy machine adds.
const ERROR_TIME_MAX: Duration = Duration::from_secs(20);

/// A configuration for Wharf that reaches the store through the proxy.
pub fn through(proxy: &FaultProxy, store: &Store, more: &str) -> String {
    let text = store.s3_config(&format!("{NO_REDIRECT}{more}"));
    text.replace(&store.address().to_string(), &proxy.address().to_string())
}

/// A store, a proxy before it, and a server that knows the store by the proxy's address.
struct Scene {
    _store: Store,
    proxy: FaultProxy,
    server: Server,
}

impl Scene {
    #[track_caller]
    fn new(more: &str) -> Self {
        let store = Store::s3();
        let proxy = FaultProxy::to(store.address());
        // With parts that are small, so that uploads of many need not be large.
        let config =
            through(&proxy, &store, more).replace("    forcepathstyle", "    chunksize: 5MiB\n    forcepathstyle");
        let server = Server::setup().config_text(&config).start();
        Self { _store: store, proxy, server }
    }

    /// Waits until the server has got over what happened to its store.
    #[track_caller]
    fn recover(&self) {
        self.proxy.clear();
        let recovered = || self.server.get("/v2/absent/app/tags/list").status == 404;
        wait_until(recovered, || format!("the server does not recover:\n{}", self.server.log()));
    }
}

/// What networks and stores do for a moment.
fn passing() -> Vec<Fault> {
    vec![
        Fault::Delay(Duration::from_millis(200)),
        Fault::Answer(503, "SlowDown"),
        Fault::Answer(429, "TooManyRequests"),
        Fault::Answer(500, "InternalError"),
        Fault::Drop,
        Fault::Reset,
        Fault::DropAnswer,
        Fault::Truncate(7),
        Fault::Stall(7),
        Fault::Hang,
    ]
}

#[test]
fn what_passes_costs_time_only() {
    let scene = Scene::new(IMPATIENT);
    for (seed, fault) in (2000..).zip(passing()) {
        // Each method has its turn, so that writes, reads, deletes and multipart uploads are all hit.
        for method in ["PUT", "GET", "HEAD", "POST", "DELETE"] {
            scene.proxy.rule(Rule::new(method, "", fault.clone()).times(2));
        }
        let (image, blob) = (Image::oci(seed), Blob::random(seed * 7, 11 * MIB));
        scene.server.push_image("library/app", "v1", &image);
        scene.server.push_blob("library/app", &blob);
        scene.server.check_image("library/app", "v1", &image);
        scene.server.check_blob("library/app", &blob);
        assert_eq!(scene.server.tags("library/app"), ["v1"], "{fault:?}");
        scene.server.delete("/v2/library/app/manifests/v1").expect(202);
        scene.proxy.clear();
        assert!(scene.server.tags("library/app").is_empty(), "{fault:?}");
    }
    assert!(scene.proxy.faults() >= 70, "{}", scene.proxy.seen());
}

/// Pushes a blob in two chunks and a manifest, and gives the requests that came to the store for it.
#[track_caller]
fn push_something(scene: &Scene, repository: &str, seed: u64) -> (Blob, usize) {
    let before = scene.proxy.count("", "");
    let blob = Blob::random(seed, 40_000);
    let location = scene.server.start_upload(repository);
    let location = scene.server.patch(&location, &blob.bytes[..30_000]).expect(202).location();
    scene.server.close_upload(&location, &blob.digest, &blob.bytes[30_000..]).expect(201);
    (blob, scene.proxy.count("", "") - before)
}

#[test]
fn every_single_request_of_a_push_may_lose_its_answer() {
    let scene = Scene::new(IMPATIENT);
    let (_, requests) = push_something(&scene, "library/warm", 2100);
    assert!(requests >= 4);
    for fault in [Fault::DropAnswer, Fault::Answer(503, "SlowDown")] {
        for place in 0..requests {
            scene.proxy.rule(Rule::new("", "", fault.clone()).after(place).times(1));
            let repository = format!("library/app{place}");
            let (blob, _) = push_something(&scene, &repository, 2101 + place as u64);
            scene.proxy.clear();
            scene.server.check_blob(&repository, &blob);
        }
    }
}

#[test]
fn an_error_within_a_success_is_no_success() {
    let scene = Scene::new(IMPATIENT);
    scene.proxy.rule(Rule::new("POST", "uploadId=", Fault::ErrorWithin200("InternalError")).times(2));
    let blob = Blob::random(2150, 11 * MIB);
    scene.server.push_blob("library/app", &blob);
    assert_eq!(scene.proxy.faults(), 2, "{}", scene.proxy.seen());
    scene.server.check_blob("library/app", &blob);
}

#[test]
fn a_store_that_never_ends_its_work_is_given_up() {
    let scene = Scene::new(IMPATIENT);
    scene.proxy.rule(Rule::new("POST", "uploadId=", Fault::Hang));
    let blob = Blob::random(2155, 11 * MIB);
    let location = scene.server.start_upload("library/app");
    scene.server.close_upload(&location, &blob.digest, &blob.bytes).expect_error(503, "UNAVAILABLE");
    scene.server.wait_for_log("does not answer");
    // Each attempt is given up by itself, and not the whole after twice the deadline.
    assert_eq!(scene.proxy.count("POST", "uploadId="), 4, "{}", scene.proxy.seen());
    scene.recover();
    scene.server.push_blob("library/app", &blob);
    scene.server.check_blob("library/app", &blob);
}

#[test]
fn an_upload_whose_end_is_not_confirmed_is_no_lost_one() {
    let scene = Scene::new(IMPATIENT);
    for (seed, fault) in (2160..).zip([Fault::DropAnswer, Fault::Truncate(5), Fault::Hang]) {
        scene.proxy.rule(Rule::new("POST", "uploadId=", fault.clone()).times(1));
        let blob = Blob::random(seed, 11 * MIB);
        let location = scene.server.start_upload("library/app");
        let answer = scene.server.close_upload(&location, &blob.digest, &blob.bytes);
        if answer.status != 201 {
            // The store may have done it or not. The client is told to try again, and not that there is no such upload.
            answer.expect_error(503, "UNAVAILABLE");
            scene.server.push_blob("library/app", &blob);
        }
        scene.server.check_blob("library/app", &blob);
        scene.proxy.clear();
    }
}

#[test]
fn what_lasts_is_a_typed_error_within_the_deadline() {
    let lasting =
        [Fault::Answer(503, "SlowDown"), Fault::Answer(500, "InternalError"), Fault::Drop, Fault::Reset, Fault::Hang];
    let scene = Scene::new(IMPATIENT);
    let image = Image::oci(2200);
    scene.server.push_image("library/app", "v1", &image);
    for fault in lasting {
        scene.proxy.rule(Rule::new("", "", fault.clone()));
        for request in [
            Request::get("/v2/library/app/manifests/v1"),
            Request::get(format!("/v2/library/app/blobs/{}", image.layers[0].digest)),
            Request::get("/v2/library/app/tags/list"),
            Request::post("/v2/library/app/blobs/uploads/"),
        ] {
            let started = Instant::now();
            let answer = scene.server.send(request).expect_error(503, "UNAVAILABLE");
            assert!(started.elapsed() < ERROR_TIME_MAX, "{fault:?}: {:?}", started.elapsed());
            assert!(answer.the("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{answer}");
            for inside in ["SlowDown", "InternalError", "docker/registry", &scene.proxy.address().to_string()] {
                assert!(!answer.text().contains(inside), "the answer tells of the server's inside: {answer}");
            }
        }
        scene.recover();
        scene.server.check_image("library/app", "v1", &image);
        scene.server.push_image("library/app", "v2", &Image::oci(2201));
    }
}

#[test]
fn a_client_is_told_to_wait_as_long_as_the_store_wants() {
    let scene = Scene::new(IMPATIENT);
    scene.proxy.rule(Rule::new("", "", Fault::AnswerLater(503, "SlowDown", 17)));
    let before = scene.proxy.count("", "");
    let answer = scene.server.get("/v2/library/app/manifests/v1").expect_error(503, "UNAVAILABLE");
    assert_eq!(answer.the("retry-after"), "17");
    assert_eq!(scene.proxy.count("", "") - before, 1, "the store was asked again too soon");
    scene.proxy.clear();
    scene.proxy.rule(Rule::new("", "", Fault::AnswerLater(503, "SlowDown", 1)).times(1));
    let started = Instant::now();
    scene.server.get("/v2/library/app/manifests/v1").expect(404);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

/// The requests for the bytes of blobs.
const DATA: &str = "/data";

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let scene = Scene::new(IMPATIENT);
    let blob = Blob::random(2300, 3 * MIB);
    scene.server.push_blob("library/app", &blob);
    scene.server.check_blob("library/app", &blob);
    for fault in [Fault::Truncate(MIB), Fault::Stall(MIB)] {
        let before = scene.proxy.count("GET", DATA);
        scene.proxy.rule(Rule::new("GET", DATA, fault.clone()).times(2));
        scene.server.check_blob("library/app", &blob);
        assert_eq!(scene.proxy.count("GET", DATA) - before, 3, "{fault:?}\n{}", scene.proxy.seen());
        // A part of it, too.
        scene.proxy.rule(Rule::new("GET", DATA, Fault::Truncate(1000)).times(2));
        let range = format!("bytes={}-{}", MIB, 2 * MIB);
        let target = format!("/v2/library/app/blobs/{}", blob.digest);
        let answer = scene.server.send(Request::get(target).header("Range", range)).expect(206);
        assert!(answer.body == blob.bytes[MIB..=2 * MIB], "a part has other bytes");
        scene.proxy.clear();
    }
}

#[test]
fn a_download_that_can_not_go_on_is_broken_off_and_not_ended() {
    let scene = Scene::new(IMPATIENT);
    let blob = Blob::random(2310, 3 * MIB);
    scene.server.push_blob("library/app", &blob);
    let target = format!("/v2/library/app/blobs/{}", blob.digest);
    for rest in [Fault::Drop, Fault::Answer(500, "InternalError"), Fault::Answer(404, "NoSuchKey"), Fault::Hang] {
        scene.proxy.rule(Rule::new("GET", DATA, Fault::Truncate(MIB)).times(1));
        scene.proxy.rule(Rule::new("GET", DATA, rest.clone()));
        let started = Instant::now();
        let error = scene.server.connect().try_send(&Request::get(&target)).expect_err("half a blob as a whole one");
        assert_ne!(error.kind(), ErrorKind::TimedOut, "{rest:?}: the client waits for ever");
        assert!(started.elapsed() < ERROR_TIME_MAX, "{rest:?}: {:?}", started.elapsed());
        scene.recover();
        scene.server.check_blob("library/app", &blob);
    }
}

#[test]
fn chunks_are_put_together_though_the_bytes_of_each_break_off() {
    let scene = Scene::new(IMPATIENT);
    // Together they fit into one part; and a chunk in the middle that is too small to be copied as a part.
    for (seed, sizes) in [(2330, [1 << 20, 1 << 20, 1 << 20]), (2331, [6 << 20, 3 << 20, 6 << 20])] {
        let blob = Blob::random(seed, sizes.iter().sum());
        let (mut location, mut start) = (scene.server.start_upload("library/app"), 0);
        for size in sizes {
            location = scene.server.patch(&location, &blob.bytes[start..start + size]).expect(202).location();
            start += size;
        }
        scene.proxy.rule(Rule::new("GET", "/parts/", Fault::Truncate(700_000)));
        let before = scene.proxy.faults();
        scene.server.close_upload(&location, &blob.digest, b"").expect(201);
        assert!(scene.proxy.faults() - before >= 3, "{}", scene.proxy.seen());
        scene.proxy.clear();
        scene.server.check_blob("library/app", &blob);
    }
}

#[test]
fn a_tag_that_moves_while_it_is_read_is_read_anew() {
    let scene = Scene::new("");
    let (old, new) = (Image::oci(2340), Image::oci(2341));
    scene.server.push_image("library/app", "v1", &old);
    scene.server.push_blobs("library/app", &new);
    let link = "/tags/v1/current/link";
    // The first answer breaks off, and the tag moves before the rest is asked for.
    scene.proxy.rule(Rule::new("GET", link, Fault::Truncate(9)).times(1));
    scene.proxy.rule(Rule::new("GET", link, Fault::Delay(Duration::from_secs(3))).times(1));
    let before = scene.proxy.count("GET", link);
    let answer = std::thread::scope(|scope| {
        let reader = scope.spawn(|| scene.server.get("/v2/library/app/manifests/v1"));
        wait_until(|| scene.proxy.count("GET", link) >= before + 2, || scene.proxy.seen());
        scene.server.put_manifest("library/app", "v1", &new.manifest).expect(201);
        reader.join().expect("an answer")
    });
    assert_eq!(answer.expect(200).body, new.manifest.bytes);
}

#[test]
fn a_listing_in_any_order_is_the_same() {
    let scene = Scene::new("");
    let image = Image::oci(2400);
    scene.server.push_blobs("library/app", &image);
    let tags = (0..25).map(|number| format!("v{number:02}")).collect::<Vec<_>>();
    for tag in &tags {
        scene.server.put_manifest("library/app", tag, &image.manifest).expect(201);
    }
    scene.proxy.rule(Rule::new("GET", "list-type=2", Fault::Reorder));
    assert_eq!(scene.server.tags("library/app"), tags);
    let mut found = Vec::new();
    let mut last = String::new();
    while found.len() <= tags.len() {
        let page = scene.server.get(&format!("/v2/library/app/tags/list?n=4&last={last}")).expect(200);
        let names = crate::support::push::strings(&page.json()["tags"]);
        let Some(end) = names.last() else { break };
        last.clone_from(end);
        found.extend(names);
    }
    assert_eq!(found, tags);
    let (blob, _) = push_something(&scene, "library/app", 2401);
    let location = scene.server.start_upload("library/app");
    let location = blob
        .bytes
        .chunks(10_000)
        .fold(location, |location, chunk| scene.server.patch(&location, chunk).expect(202).location());
    scene.server.close_upload(&location, &blob.digest, b"").expect(201);
    scene.server.check_blob("library/app", &blob);
    assert!(scene.proxy.faults() > 5, "{}", scene.proxy.seen());
    scene.server.garbage_collect(&[]);
    scene.proxy.clear();
    scene.server.check_image("library/app", "v07", &image);
}

#[test]
fn old_data_is_old_and_never_mixed() {
    let scene = Scene::new("");
    let (old, new) = (Image::oci(2500), Image::oci(2501));
    scene.server.push_image("library/app", "v1", &old);
    scene.server.check_image("library/app", "v1", &old);
    scene.proxy.rule(Rule::new("GET", "/tags/v1/", Fault::Stale));
    scene.server.push_image("library/app", "v1", &new);
    let answer = scene.server.get("/v2/library/app/manifests/v1").expect(200);
    let which = [&old, &new].into_iter().find(|image| answer.body == image.manifest.bytes).expect("one of the two");
    assert_eq!(answer.the("docker-content-digest"), which.manifest.digest);
    scene.proxy.clear();
    scene.server.check_image("library/app", "v1", &new);
    // Somebody has looked before it was there, and the store goes on saying so.
    let blob = Blob::random(2502, 5000);
    let target = format!("/v2/library/app/blobs/{}", blob.digest);
    scene.server.get(&target).expect_error(404, "BLOB_UNKNOWN");
    scene.proxy.rule(Rule::new("GET", &blob.digest["sha256:".len()..], Fault::Stale));
    scene.proxy.rule(Rule::new("HEAD", &blob.digest["sha256:".len()..], Fault::Stale));
    scene.server.push_blob("library/app", &blob);
    let answer = scene.server.get(&target);
    assert!(answer.status == 404 || answer.body == blob.bytes, "{answer}");
    scene.proxy.clear();
    scene.server.check_blob("library/app", &blob);
}

#[test]
fn an_upload_over_an_old_listing_ends_right_or_with_an_error() {
    let scene = Scene::new("");
    let blob = Blob::random(2520, 60_000);
    let location = scene.server.start_upload("library/app");
    let location = scene.server.patch(&location, &blob.bytes[..20_000]).expect(202).location();
    scene.server.get(&location).expect(204);
    scene.proxy.rule(Rule::new("", "_uploads", Fault::Stale).but("partNumber"));
    let answer = scene.server.patch(&location, &blob.bytes[20_000..]);
    let answer = match answer.status {
        202 => scene.server.close_upload(&answer.location(), &blob.digest, b""),
        _ => answer,
    };
    scene.proxy.clear();
    match answer.status {
        201 => scene.server.check_blob("library/app", &blob),
        _ => {
            assert!(!answer.codes().is_empty(), "{answer}");
            let target = format!("/v2/library/app/blobs/{}", blob.digest);
            scene.server.get(&target).expect_error(404, "BLOB_UNKNOWN");
            scene.server.push_blob("library/app", &blob);
            scene.server.check_blob("library/app", &blob);
        }
    }
}

/// Pushes and pulls as clients do that try again when the registry says that it can't answer now.
#[track_caller]
fn stubborn(server: &Server, request: &Request) -> Response {
    let answered = || server.connect().try_send(request).ok().filter(|answer| answer.status < 500);
    wait_for(answered, || format!("{} {} does not work any more:\n{}", request.method, request.target, server.log()))
}

#[test]
fn whatever_was_acknowledged_in_a_storm_is_there_after_it() {
    let scene = Scene::new(IMPATIENT);
    let faults = [Fault::Answer(503, "SlowDown"), Fault::Answer(500, "InternalError"), Fault::Drop, Fault::DropAnswer];
    for (number, fault) in faults.into_iter().chain([Fault::Truncate(3), Fault::Reset]).enumerate() {
        scene.proxy.rule(Rule::new("", "", fault).after(number * 3).one_in(13 + number));
    }
    let kept = std::thread::scope(|scope| {
        let clients = (0..4_u64).map(|client| {
            let server = &scene.server;
            scope.spawn(move || (0..6).filter_map(|round| push_in_storm(server, client, round)).collect::<Vec<_>>())
        });
        let clients = clients.collect::<Vec<_>>();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    assert!(kept.len() >= 12 && scene.proxy.faults() > 50, "{} kept\n{}", kept.len(), scene.proxy.seen());
    scene.recover();
    for (repository, blob) in kept {
        scene.server.check_blob(&repository, &blob);
    }
}

/// A blob that the registry has acknowledged; `None` when the upload was lost on the way, which the client was told.
fn push_in_storm(server: &Server, client: u64, round: u64) -> Option<(String, Blob)> {
    let repository = format!("team/r{client}");
    let blob = Blob::random(2600 + client * 100 + round, 50_000);
    let location = stubborn(server, &Request::post(format!("/v2/{repository}/blobs/uploads/"))).expect(202).location();
    let patched =
        stubborn(server, &Request::patch(&location).header("Content-Range", "0-29999").body(&blob.bytes[..30_000]));
    // Asked again, it may be told that the first time was good.
    let location = match patched.status {
        202 => patched.location(),
        416 => location,
        _ => return None,
    };
    let target = with_query(&location, &format!("digest={}", blob.digest));
    let closed = stubborn(server, &Request::put(target).body(&blob.bytes[30_000..]));
    (closed.status == 201).then_some((repository, blob))
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    // Without the purge, which begins at once with one server in sixty and asks for listings beside the clients.
    let scene = Scene::new("  requests: {concurrent_max: 3}\n  maintenance: {uploadpurging: {enabled: false}}\n");
    scene.proxy.rule(Rule::new("", "", Fault::Delay(Duration::from_millis(100))));
    std::thread::scope(|scope| {
        for client in 0..10 {
            let server = &scene.server;
            scope.spawn(move || server.get(&format!("/v2/library/r{client}/manifests/v1")).expect(404));
        }
    });
    assert_eq!(scene.proxy.peak(), 3, "{}", scene.proxy.seen());
}
