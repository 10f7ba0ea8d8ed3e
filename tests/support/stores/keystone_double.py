"""A double of Keystone for tests: the logins of versions 2 and 3, in front of a Swift that logs in by its own version 1.

    keystone_double.py PORT SWIFT_LOGIN USER PASSWORD

Whoever gives the right answers gets a token that this Swift has given out for USER with PASSWORD, and a catalog that leads there.
The answers are those of `RIGHT` below, with the password beside them. `GET /-/logins` tells how many logins of each kind there were.
"""

import datetime
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RIGHT = {"user": "robot", "domain": "people", "project": "registry", "project_domain": "work", "trust": "a-trust", "credential": "an-id"}


class Refused(Exception):
    """A login that is not granted."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    logins = {}

    def log_message(self, *_):
        pass

    def answer(self, status, value, **headers):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, self.logins)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["auth"]
        try:
            if self.path == "/v2.0/tokens":
                self.version_2(asked)
            elif self.path == "/v3/auth/tokens":
                self.version_3(asked)
            else:
                self.answer(404, {"error": {"code": 404}})
        except (Refused, KeyError) as error:
            self.answer(401, {"error": {"code": 401, "message": repr(error)}})

    def version_2(self, asked):
        credentials = asked["passwordCredentials"]
        must(credentials["username"] == RIGHT["user"] and credentials["password"] == self.password, "user")
        must(asked.get("tenantName") == RIGHT["project"] or asked.get("tenantId") == "id-of-" + RIGHT["project"], "tenant")
        self.count("v2")
        token, storage = self.enter_swift()
        away = "http://127.0.0.1:9/v1/nowhere"
        endpoint = {"region": "here", "publicURL": storage, "internalURL": away, "adminURL": away}
        other = {"region": "elsewhere", "publicURL": away, "internalURL": away, "adminURL": away}
        catalog = [{"type": "identity", "endpoints": []}, {"type": "object-store", "endpoints": [other, endpoint]}]
        self.answer(200, {"access": {"token": {"id": token, "expires": later()}, "serviceCatalog": catalog}})

    def version_3(self, asked):
        identity, scope = asked["identity"], asked.get("scope")
        if identity["methods"] == ["application_credential"]:
            credential = identity["application_credential"]
            must(credential == {"id": RIGHT["credential"], "secret": self.password} and scope is None, "credential")
            self.count("application credential")
        else:
            user = identity["password"]["user"]
            must(user == {"name": RIGHT["user"], "password": self.password, "domain": {"name": RIGHT["domain"]}}, "user")
            project = {"name": RIGHT["project"], "domain": {"id": RIGHT["project_domain"]}}
            trust = {"OS-TRUST:trust": {"id": RIGHT["trust"]}}
            must(scope == {"project": project} or scope == trust, "scope")
            self.count("trust" if scope == trust else "v3")
        token, storage = self.enter_swift()
        endpoints = [
            {"interface": "public", "region": "elsewhere", "region_id": "elsewhere", "url": "http://127.0.0.1:9/v1/nowhere"},
            {"interface": "internal", "region": "here", "region_id": "here", "url": storage},
        ]
        catalog = [{"type": "compute", "endpoints": []}, {"type": "object-store", "endpoints": endpoints}]
        self.answer(201, {"token": {"expires_at": later(), "catalog": catalog}}, X_Subject_Token=token)

    def count(self, kind):
        self.logins[kind] = self.logins.get(kind, 0) + 1

    def enter_swift(self):
        request = urllib.request.Request(self.swift, headers={"X-Auth-User": self.swift_user, "X-Auth-Key": self.password})
        with urllib.request.urlopen(request) as answer:
            return answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]


def must(holds, what):
    if not holds:
        raise Refused(f"the {what} is not the right one")


def later():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def main():
    port, Handler.swift, Handler.swift_user, Handler.password = int(sys.argv[1]), *sys.argv[2:5]
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
