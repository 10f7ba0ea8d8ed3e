"""OpenStack Swift for tests: the proxy and the three services behind it, in one process, with one device and one copy of
everything. Needs PyPI's `swift`.

    swift_server.py FOLDER PORT USER PASSWORD [TOKEN_SECONDS]

USER is `account:name`. Users log in at `http://127.0.0.1:PORT/auth/v1.0`. Everything is kept in FOLDER.
"""

import sys
import time
from pathlib import Path

import eventlet

eventlet.monkey_patch()

# Only now: what is imported before the line above would wait with the whole process.
from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

SERVICES = ("account", "container", "object")
# What a cluster that is installed by the book has, as far as a registry notices it.
PIPELINE = "catch_errors gatekeeper healthcheck listing_formats bulk tempurl tempauth copy slo dlo proxy-server"


class Cache:
    """What Swift keeps in memcached: tokens, above all."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        value, until = self.values.get(key, (None, 0))
        return value if until == 0 or until > time.time() else None

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.values[key] = (value, now() + time if time else 0)

    def incr(self, key, delta=1, time=0):
        value = int(self.get(key) or 0) + delta
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -delta, time)

    def delete(self, key, server_key=None):
        self.values.pop(key, None)


now = time.time


def write_settings(folder, ports, user, password, token_seconds):
    """The files that the services read. Gives the path of each by its name."""
    account, name = user.split(":")
    common = f"[DEFAULT]\nswift_dir = {folder}\ndevices = {folder}/devices\nmount_check = false\nfsync = false\n"
    common += "log_address = /nonexistent\nlog_level = ERROR\n"
    filters = {
        "tempauth": f"user_{account}_{name} = {password} .admin\ntoken_life = {token_seconds}\n",
        # A test may put what is older than it.
        "gatekeeper": "shunt_inbound_x_timestamp = false\n",
        "tempurl": "allowed_digests = sha256 sha512\n",
        # A segment of a test need not have a MiB.
        "slo": "min_segment_size = 1\n",
    }
    proxy = f"{common}[pipeline:main]\npipeline = {PIPELINE}\n"
    proxy += "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    for name in PIPELINE.split()[:-1]:
        proxy += f"[filter:{name}]\nuse = egg:swift#{name}\n{filters.get(name, '')}"
    texts = {"proxy": proxy}
    for name in SERVICES:
        texts[name] = f"{common}[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
    secrets = "[swift-hash]\nswift_hash_path_suffix = after\nswift_hash_path_prefix = before\n"
    (folder / "swift.conf").write_text(secrets + "[storage-policy:0]\nname = only\ndefault = yes\n")
    (folder / "devices" / "d0").mkdir(parents=True, exist_ok=True)
    utils.set_swift_dir(str(folder))
    write_rings(folder, ports)
    for name, text in texts.items():
        (folder / f"{name}.conf").write_text(text)
    return {name: str(folder / f"{name}.conf") for name in texts}


def write_rings(folder, ports):
    from swift.common.ring import RingBuilder

    for name in SERVICES:
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "device": "d0", "meta": ""}
        builder.add_dev({**device, "port": ports[name]})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))


def serve(listener, application):
    from swift.common.http_protocol import SwiftHttpProtocol

    with open("/dev/null", "w") as nowhere:
        wsgi.server(
            listener, application, nowhere, protocol=SwiftHttpProtocol, capitalize_response_headers=False, log_output=False
        )


def main():
    folder, port, user, password = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    token_seconds = sys.argv[5] if len(sys.argv) > 5 else "86400"
    listeners = {name: eventlet.listen(("127.0.0.1", 0)) for name in SERVICES}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    files = write_settings(folder, ports, user, password, token_seconds)

    from swift.common.wsgi import loadapp

    for name, listener in listeners.items():
        application = loadapp(files[name], global_conf={"log_name": name})
        eventlet.spawn(serve, listener, application)
    cache, proxy = Cache(), loadapp(files["proxy"], global_conf={"log_name": "proxy"})

    def with_cache(environment, start_response):
        environment["swift.cache"] = cache
        return proxy(environment, start_response)

    # Last, because whoever can connect expects an answer.
    serve(eventlet.listen(("127.0.0.1", port), backlog=128), with_cache)


if __name__ == "__main__":
    main()
