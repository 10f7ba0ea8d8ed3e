//! Goal: receivers of `distribution`'s webhooks get from Wharf what they get from `distribution`, and no receiver, however
//! slow or dead, costs a request anything. Method: real receivers; the same requests to both servers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::image::{OCI_INDEX, index};
use crate::support::patience::wait_for;
use crate::support::receiver::{OK, Post, Receiver};
use crate::support::{Blob, Connection, Image, Program, Request, Server};

/// A server that tells `receiver`, with further keys of the endpoint.
fn telling(program: Program, receiver: &Receiver, keys: &str) -> Server {
    let url = receiver.url("/hook");
    let section = format!(
        "notifications:\n  events: {{includereferences: true}}\n  endpoints:\n    - {{name: one, url: '{url}'{keys}}}\n"
    );
    Server::setup_of(program).section(&section).start()
}

/// Every kind of request that is told of, and some that are not.
fn exercise(server: &Server) -> usize {
    let (image, other) = (Image::oci(900), Blob::random(901, 100));
    let manifest = &image.manifest;
    server.push_image("team/app", "v1", &image);
    server.push_blob("team/app", &other);
    let mount = format!("/v2/team/copy/blobs/uploads/?mount={}&from=team/app", other.digest);
    server.send(Request::post(mount)).expect(201);
    let list = index(OCI_INDEX, &[manifest]);
    server.put_manifest("team/app", &list.digest, &list).expect(201);
    server.put_manifest("team/app", "v2", manifest).expect(201);
    server.check_manifest("team/app", "v1", manifest);
    let by_digest = format!("/v2/team/app/manifests/{}", manifest.digest);
    let asked = |request: Request| {
        let request = request.header("Accept", &manifest.media_type).header("User-Agent", "te<s>t & co");
        let request = request.header("Authorization", "Basic Ym9iOmJ1aWxkZXI=");
        server.send(request.header("X-Forwarded-For", "10.1.2.3, 10.9.9.9"))
    };
    asked(Request::head(&by_digest)).expect(200);
    asked(Request::get(&by_digest).header("If-None-Match", format!("\"{}\"", manifest.digest))).expect(304);
    let blob = format!("/v2/team/app/blobs/{}", other.digest);
    asked(Request::get(&blob)).expect(200);
    asked(Request::head(&blob)).expect(200);
    asked(Request::get(&blob).header("Range", "bytes=0-9")).expect(206);
    asked(Request::get("/v2/team/app/manifests/absent")).expect(404);
    asked(Request::get("/v2/team/app/tags/list")).expect(200);
    server.delete("/v2/team/app/manifests/v2").expect(202);
    server.delete(&by_digest).expect(202);
    server.delete(&blob).expect(202);
    // Four blobs of the image and one more, a mount, three manifests; five reads; a tag, a manifest and its tag, a blob.
    5 + 1 + 3 + 5 + 4
}

/// A body without what differs from run to run: ids, times, ports, the server's own name.
fn normal(post: &Post, server: &Server) -> String {
    let volatile = ["\"id\": ", "\"timestamp\": ", "\"instanceID\": "];
    // With what stands around it: five digits may well be part of a digest.
    let port = server.address().port();
    let lines = post.body.split('\n').map(|line| {
        let line = line.replace(&format!(":{port}/"), ":PORT/").replace(&format!(":{port}\""), ":PORT\"");
        match volatile.iter().find_map(|key| line.find(key).map(|at| at + key.len())) {
            Some(end) => format!("{}…{}", &line[..end], if line.ends_with(',') { "," } else { "" }),
            None if line.contains("\"addr\": \"127.0.0.1:") => "PEER".to_owned(),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn events_are_those_of_distribution_byte_for_byte() {
    let keys = ", headers: {X-One: [a, b], Authorization: [Bearer hush]}";
    let told = [Program::Wharf, Program::Distribution].map(|program| {
        let receiver = Receiver::start();
        let server = telling(program, &receiver, keys);
        let count = exercise(&server);
        let posts: Vec<Post> = (0..count).map(|_| receiver.next()).collect();
        let bodies: Vec<String> = posts.iter().map(|post| normal(post, &server)).collect();
        for post in &posts {
            assert_eq!(post.request_line, "POST /hook HTTP/1.1");
            assert_eq!(post.all("content-type"), ["application/vnd.docker.distribution.events.v2+json"]);
            assert_eq!(post.all("x-one"), ["a", "b"]);
            assert_eq!(post.all("authorization"), ["Bearer hush"]);
        }
        (bodies, receiver.arrived().len())
    });
    let [(ours, more_of_ours), (theirs, more_of_theirs)] = told;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!((more_of_ours, more_of_theirs), (0, 0), "no server tells of anything else");
}

#[test]
fn a_push_with_tags_tells_of_each_and_its_request_and_user() {
    let receiver = Receiver::start();
    let server = telling(Program::Wharf, &receiver, "");
    let image = Image::oci(910);
    server.push_blobs("team/app", &image);
    image.blobs().for_each(|_| drop(receiver.next()));
    let manifest = &image.manifest;
    let target = format!("/v2/team/app/manifests/{}?tag=one&tag=two", manifest.digest);
    let put = Request::put(target).content_type(&manifest.media_type).body(manifest.bytes.clone());
    let answer = server.send(put.header("Authorization", "Basic Ym9iOmJ1aWxkZXI=")).expect(201);
    for tag in ["one", "two"] {
        let post = receiver.next();
        assert_eq!(post.event(), format!("push team/app {tag}"));
        let event = &post.json()["events"][0];
        assert_eq!(event["request"]["id"], answer.the("x-request-id"));
        assert_eq!(event["actor"]["name"], "bob");
        assert_eq!(event["target"]["digest"], manifest.digest);
    }
}

#[test]
fn what_is_to_be_ignored_is_not_sent() {
    let receiver = Receiver::start();
    let keys = ", ignoredmediatypes: [application/octet-stream], ignore: {actions: [pull]}";
    let server = telling(Program::Wharf, &receiver, keys);
    let image = Image::oci(920);
    server.push_image("team/app", "v1", &image);
    server.check_image("team/app", "v1", &image);
    server.delete("/v2/team/app/manifests/v1").expect(202);
    assert_eq!(receiver.next().event(), "push team/app v1");
    assert_eq!(receiver.next().event(), "delete team/app v1");
    assert!(receiver.arrived().is_empty());
}

/// Pushes blobs of these seeds, and gives the events that tell of them.
fn push_blobs(server: &Server, seeds: std::ops::Range<u64>) -> Vec<String> {
    let blobs: Vec<Blob> = seeds.map(|seed| Blob::random(seed, 50)).collect();
    blobs.iter().for_each(|blob| server.push_blob("team/app", blob));
    blobs.iter().map(|blob| format!("push team/app {}", blob.digest)).collect()
}

#[test]
fn failures_are_tried_again_in_order_and_hold_up_no_request() {
    // Refuses, hangs beyond the timeout, breaks off, asks for time, redirects; then takes what it gets.
    let receiver = Receiver::answering(|n| match n {
        0 => Some("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"),
        1 => None,
        2 => Some(""),
        3 => Some("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
        4 => Some("HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"),
        _ => OK,
    });
    let server = telling(Program::Wharf, &receiver, ", timeout: 300ms, threshold: 2, backoff: 100ms");
    let expected = push_blobs(&server, 930..933);
    let mut posts: Vec<(Post, Instant)> = (0..8).map(|_| (receiver.next(), Instant::now())).collect();
    let waited = posts[4].1.duration_since(posts[3].1);
    assert!(waited > Duration::from_millis(900), "Retry-After is honoured: {waited:?}");
    assert_eq!(posts.remove(5).0.request_line, "POST /there HTTP/1.1");
    let events: Vec<String> = posts.iter().map(|(post, _)| post.event()).collect();
    assert_eq!(events[..5], vec![expected[0].clone(); 5]);
    assert_eq!(events[5..], expected[1..]);
    let ids: Vec<String> = posts[..5].iter().map(|(post, _)| post.json()["events"][0]["id"].to_string()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same event keeps its id: {ids:?}");
    server.wait_for_log("notification hook one: the endpoint answered 500 Internal Server Error");
    server.wait_for_log("notification hook one: events are delivered again");
}

#[test]
fn events_wait_for_a_receiver_that_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/hook");
    let section = format!(
        "notifications:\n  queue: {{events_max: 3}}\n  endpoints:\n    - {{name: one, url: '{url}', backoff: 20ms}}\n    \
         - {{name: never, url: '{url}', disabled: true}}\n    - {{name: broken, url: 'nowhere'}}\n"
    );
    let server = Server::setup().section(&section).start();
    let expected = push_blobs(&server, 940..945);
    server.wait_for_log("notification hook one: no answer");
    let receiver = Receiver::on(TcpListener::bind(address).unwrap(), |_| OK);
    let events: Vec<String> = (0..3).map(|_| receiver.next().event()).collect();
    assert_eq!(events, expected[2..], "the oldest give way");
    server.wait_for_log("notification hook one: events were dropped");
    server.wait_for_log("notification endpoint never is disabled");
    server.wait_for_log("notifications.endpoints: broken: the url is none");
}

#[test]
fn an_orderly_stop_delivers_what_waits() {
    let receiver = Receiver::answering(|n| match n {
        0 => Some("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"),
        _ => OK,
    });
    let mut server = telling(Program::Wharf, &receiver, "");
    let expected = push_blobs(&server, 950..953);
    receiver.next();
    assert!(server.terminate().success());
    let events: Vec<String> = receiver.arrived().iter().map(Post::event).collect();
    assert_eq!(events, expected);
}

#[test]
fn counts_are_shown_without_secrets() {
    let receiver = Receiver::answering(|n| match n {
        0 => Some("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
        _ => OK,
    });
    let url = receiver.url("/hook?token=hush-hush").replace("http://", "http://u:hush-hush@");
    let section = format!(
        "notifications:\n  endpoints:\n    - {{name: one, url: '{url}', headers: {{X-Key: [hush-hush]}}, threshold: 4}}\n"
    );
    let debug = "debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}";
    let server = Server::setup().http(debug).section(&section).start();
    server.wait_for_log("debug server listening on ");
    let log = server.log();
    let (_, rest) = log.split_once("debug server listening on ").unwrap();
    let debug = rest.split(['"', '\n']).next().unwrap().parse().unwrap();
    push_blobs(&server, 960..962);
    let (first, _, _) = (receiver.next(), receiver.next(), receiver.next());
    assert_eq!(first.all("authorization"), ["Basic dTpodXNoLWh1c2g="]);

    let ask = |target: &str| Connection::open(debug).send(&Request::get(target)).expect(200);
    let endpoint = || ask("/debug/vars").json()["registry"]["notifications"]["endpoints"][0].clone();
    let all_done = || Some(endpoint()).filter(|endpoint| endpoint["Metrics"]["Pending"] == 0);
    let endpoint = wait_for(all_done, || endpoint().to_string());
    assert_eq!((&endpoint["name"], &endpoint["Threshold"]), (&"one".into(), &4.into()));
    let counts = serde_json::json!({"200 OK": 2, "404 Not Found": 1});
    assert_eq!(endpoint["Metrics"]["Statuses"], counts, "{endpoint}");
    let metrics = ask("/metrics").text();
    for line in [
        "registry_notifications_events_total{type=\"Events\",endpoint=\"one\"} 2",
        "registry_notifications_events_total{type=\"Successes\",endpoint=\"one\"} 2",
        "registry_notifications_events_total{type=\"Failures\",endpoint=\"one\"} 1",
        "registry_notifications_pending_total{endpoint=\"one\"} 0",
        "registry_notifications_status_total{code=\"404 Not Found\",endpoint=\"one\"} 1",
        "wharf_notifications_dropped_total{reason=\"full\",endpoint=\"one\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    for seen in [endpoint.to_string(), metrics, server.log()] {
        assert!(!seen.contains("hush-hush"), "{seen}");
    }
}
