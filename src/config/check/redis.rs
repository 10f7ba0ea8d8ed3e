//! `redis`.

use super::Checker;
use super::shapes::join;
use crate::config::Config;
use crate::config::redis::{Redis, Topology};
use crate::config::storage::BlobDescriptorCache;

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    let redis = &config.redis;
    if config.storage.cache.blobdescriptor == BlobDescriptorCache::Redis && !redis.is_configured() {
        let sentence = "is \"redis\", but redis.addrs names no server; name one, or use \"inmemory\"";
        checker.mistake("storage.cache.blobdescriptor", sentence);
    }
    if !redis.is_configured() {
        return;
    }
    if let Err((index, problem)) = redis.addresses() {
        checker.mistake(&format!("redis.addrs[{index}]"), problem);
    }
    numbers(checker, redis);
    topology(checker, redis);
    tls(checker, redis);
    unused(checker, redis);
}

fn numbers(checker: &mut Checker<'_>, redis: &Redis) {
    if !matches!(redis.protocol, 0 | 2 | 3) {
        let sentence = format!("is {}, but there are only the versions 2 and 3", redis.protocol);
        checker.mistake("redis.protocol", sentence);
    }
    if redis.db < 0 {
        checker.mistake("redis.db", format!("is {}, but databases are counted from 0", redis.db));
    }
}

/// What does not fit how the servers belong together.
fn topology(checker: &mut Checker<'_>, redis: &Redis) {
    let topology = redis.topology();
    let mut ignored = |name: &str, given: bool, reason: &str| {
        if given {
            checker.warning(&join("redis", name), format!("has no effect: {reason}"));
        }
    };
    if topology == Topology::Cluster {
        let several = "several addrs are a cluster";
        ignored("db", redis.db != 0, &format!("{several}, which has only the database 0"));
        ignored("clientname", !redis.clientname.is_empty(), several);
    }
    if topology != Topology::Cluster {
        ignored("maxredirects", redis.maxredirects != 0, "only a cluster redirects, and only several addrs are one");
    }
    if topology != Topology::Sentinel {
        let reason = "without redis.mastername, addrs are no sentinels";
        ignored("sentinelusername", !redis.sentinelusername.is_empty(), reason);
        ignored("sentinelpassword", !redis.sentinelpassword.is_empty(), reason);
    }
    if !redis.username.is_empty() && redis.password.is_empty() {
        checker.warning("redis.username", "has no effect without redis.password");
    }
}

/// Half a client certificate is none, and a server that asks for one would refuse it; so this is told before.
fn tls(checker: &mut Checker<'_>, redis: &Redis) {
    let (certificate, key) = (&redis.tls.certificate, &redis.tls.key);
    let mend = "name both files, or neither to have no client certificate";
    match (certificate.as_os_str().is_empty(), key.as_os_str().is_empty()) {
        (true, false) => checker.mistake("redis.tls.certificate", format!("is missing beside redis.tls.key; {mend}")),
        (false, true) => checker.mistake("redis.tls.key", format!("is missing beside redis.tls.certificate; {mend}")),
        _ => {}
    }
}

/// Keys that tune a client of another kind.
fn unused(checker: &mut Checker<'_>, redis: &Redis) {
    const ONE: &str = "one connection carries all commands";
    const ONCE: &str = "a command that fails is not repeated; the storage is asked instead";
    const MASTERS: &str = "masters are asked, because a replica may not know yet what was deleted";
    for (name, given, reason) in [
        ("maxretries", redis.maxretries > 0, ONCE),
        ("poolfifo", redis.poolfifo, ONE),
        ("minidleconns", redis.minidleconns > 1, ONE),
        ("readonly", redis.readonly, MASTERS),
        ("routebylatency", redis.routebylatency, MASTERS),
        ("routerandomly", redis.routerandomly, MASTERS),
        ("unstableresp3", redis.unstableresp3, "nothing of it is used"),
    ] {
        if given {
            checker.warning(&join("redis", name), format!("has no effect: {reason}"));
        }
    }
}
