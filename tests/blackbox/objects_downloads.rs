//! Downloads through the registry: one request to the store for each, and as slow as the client wants them.

use super::objects_network::through;
use crate::support::faults::FaultProxy;
use crate::support::patience::wait_until;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Request, Server};

const MIB: usize = 1 << 20;
const CLIENTS: usize = 40;
/// What one download under way may hold: the buffers of two connections and a few pieces.
const BYTES_PER_CLIENT_MAX: usize = 2 * MIB;

#[test]
fn many_slow_clients_hold_their_windows_and_nothing_else() {
    let store = Store::s3();
    let proxy = FaultProxy::to(store.address());
    // Fewer requests to the store at a time than there are clients: a download under way is none of them.
    let server = Server::setup().config_text(&through(&proxy, &store, "  requests: {concurrent_max: 4}\n")).start();
    let blob = Blob::random(2800, 64 * MIB);
    server.push_blob("library/app", &blob);
    let before = server.peak_memory_bytes();
    let asked = proxy.count("GET", "/data");
    let request = Request::get(format!("/v2/library/app/blobs/{}", blob.digest)).encode(&server.host());
    let mut slow = (0..CLIENTS).map(|_| server.connect()).collect::<Vec<_>>();
    slow.iter_mut().for_each(|connection| connection.write(&request).unwrap());
    let served = || proxy.count("GET", "/data") - asked;
    wait_until(|| served() >= CLIENTS, || format!("{} of {CLIENTS} are served", served()));
    // The others are served meanwhile.
    let image = Image::oci(2801);
    server.push_image("library/app", "v1", &image);
    server.check_image("library/app", "v1", &image);
    let answer = slow[0].read_response(false).unwrap().expect(200);
    assert!(answer.body == blob.bytes);
    let grown = usize::try_from(server.peak_memory_bytes() - before).unwrap();
    assert!(grown <= CLIENTS * BYTES_PER_CLIENT_MAX, "{CLIENTS} slow clients took {} MiB", grown / MIB);
    drop(slow);
    // Whoever goes away is not read for any more.
    wait_until(|| proxy.under_way() == 0, || format!("{} downloads go on", proxy.under_way()));
}

#[test]
fn each_download_and_each_part_of_one_is_one_request() {
    let store = Store::s3();
    let proxy = FaultProxy::to(store.address());
    let server = Server::setup().config_text(&through(&proxy, &store, "")).start();
    let blob = Blob::random(2810, 5 * MIB + 17);
    server.push_blob("library/app", &blob);
    let target = format!("/v2/library/app/blobs/{}", blob.digest);
    let size = blob.bytes.len();
    for (range, expected) in [
        ("bytes=0-".to_owned(), 0..size),
        ("bytes=0-0".to_owned(), 0..1),
        (format!("bytes={MIB}-{}", 3 * MIB), MIB..3 * MIB + 1),
        (format!("bytes={}-", size - 1), size - 1..size),
        ("bytes=-1000".to_owned(), size - 1000..size),
        (format!("bytes=100-{}", size * 2), 100..size),
    ] {
        let before = proxy.count("GET", "/data");
        let answer = server.send(Request::get(&target).header("Range", &range)).expect(206);
        assert!(answer.body == blob.bytes[expected.clone()], "{range} gives other bytes");
        assert_eq!(answer.the("content-range"), format!("bytes {}-{}/{size}", expected.start, expected.end - 1));
        assert_eq!(proxy.count("GET", "/data") - before, 1, "{range}\n{}", proxy.seen());
    }
    let before = proxy.count("GET", "/data");
    server.check_blob("library/app", &blob);
    assert_eq!(proxy.count("GET", "/data") - before, 1);
    let past = server.send(Request::get(&target).header("Range", format!("bytes={size}-"))).expect(416);
    assert_eq!(past.the("content-range"), format!("bytes */{size}"));
}

#[test]
fn only_clients_in_named_networks_are_sent_to_the_store() {
    let store = Store::s3();
    let redirect = "  redirect:\n    networks: [10.0.0.0/8, 'fd00::/8']\n    bytes_min: 1000\n";
    let server = Server::setup().config_text(&store.s3_config(redirect)).start();
    let (blob, small) = (Blob::random(2600, 5000), Blob::random(2601, 500));
    server.push_blob("library/app", &blob);
    server.push_blob("library/app", &small);
    let get = |blob: &Blob, header: &str, address: &str| {
        let request = Request::get(format!("/v2/library/app/blobs/{}", blob.digest));
        server.send(if header.is_empty() { request } else { request.header(header, address) })
    };
    for (header, address) in [
        ("X-Forwarded-For", "10.1.2.3"),
        ("X-Forwarded-For", "10.1.2.3, 192.0.2.1"),
        ("X-Forwarded-For", "fd00::7"),
        ("X-Real-IP", "10.255.255.255"),
    ] {
        let answer = get(&blob, header, address).expect(307);
        assert!(answer.the("location").starts_with(&format!("http://{}/", store.address())), "{answer}");
        get(&small, header, address).expect(200);
    }
    for (header, address) in [("", ""), ("X-Forwarded-For", "11.0.0.1"), ("X-Forwarded-For", "192.0.2.1, 10.1.2.3")] {
        assert!(get(&blob, header, address).expect(200).body == blob.bytes, "{header} {address}");
    }
}
