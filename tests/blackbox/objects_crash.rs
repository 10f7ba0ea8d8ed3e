//! `kill -9` of a server whose data are in a store: what was acknowledged is there, and an upload goes on.

use super::crash::survive_kills;
use crate::support::stores::{Kind, Store};

/// Each round starts a server, which tries its store out.
const ROUNDS: u64 = 10;

fn survives(kind: Kind) {
    let store = Store::of(kind);
    let mut server = store.serve();
    let pushed = survive_kills(&mut server, ROUNDS);
    assert!(pushed > 5, "{kind:?}: only {pushed} blobs were pushed in all: the kills came too early to mean anything");
    server.kill();
    server.garbage_collect(&["--quiet"]);
    server.upkeep("verify", &[]);
    server.restart();
    server.get("/v2/team/app/tags/list").expect(200);
}

#[test]
fn nothing_acknowledged_is_lost_on_versitygw() {
    survives(Kind::S3);
}

#[test]
fn nothing_acknowledged_is_lost_on_minio() {
    survives(Kind::Minio);
}

#[test]
fn nothing_acknowledged_is_lost_on_the_oss_double() {
    survives(Kind::Oss);
}

#[test]
fn nothing_acknowledged_is_lost_on_azurite() {
    survives(Kind::Azure);
}

#[test]
fn nothing_acknowledged_is_lost_on_swift() {
    survives(Kind::Swift);
}
