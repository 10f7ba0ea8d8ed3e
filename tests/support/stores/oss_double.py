"""A double of Alibaba Cloud OSS for tests: one bucket, in memory.

It does what a registry needs of the service, and verifies every signature (version 4, in headers and in URLs) as the
service's documentation describes it. Requests signed by version 1 are refused, as the service refuses them to new accounts.

    oss_double.py ACCESS_KEY SECRET BUCKET REGION PORT [CERTIFICATE KEY]

prints nothing, and listens on 127.0.0.1. `GET /-/requests` tells how many requests of each kind came, as JSON.
"""

import base64
import datetime
import email.utils
import hashlib
import hmac
import json
import re
import ssl
import sys
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ALGORITHM = "OSS4-HMAC-SHA256"
CLOCK_SKEW_SECONDS_MAX = 900
PART_BYTES_MIN = 100 * 1024


class Refused(Exception):
    """An error answer of the service."""

    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Bucket:
    """What is stored."""

    def __init__(self, access_key, secret, name, region):
        self.access_key, self.secret, self.name, self.region = access_key, secret, name, region
        self.objects = {}
        self.uploads = {}
        self.requests = {}
        self.lock = threading.RLock()

    def put(self, key, content, kind, overwrite=True):
        with self.lock:
            if not overwrite and key in self.objects:
                raise Refused(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.")
            tag = '"%s"' % hashlib.md5(content).hexdigest().upper()
            self.objects[key] = (content, tag, kind or "application/octet-stream", time.time())
            return tag

    def get(self, key):
        found = self.objects.get(key)
        if found is None:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        return found


def parse_time(text):
    parsed = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ")
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()


def encode(text):
    return quote(text, safe="-._~")


class Signature:
    """What a request says about who signed it, from its header or its URL."""

    def __init__(self, headers, query):
        values, authorization = dict(query), headers.get("Authorization", "")
        self.in_url = "x-oss-signature-version" in values
        if authorization.startswith(ALGORITHM):
            fields = dict(field.strip().split("=", 1) for field in authorization[len(ALGORITHM):].split(","))
            credential, self.given = fields["Credential"], fields["Signature"]
            self.additional = fields.get("AdditionalHeaders", "")
            self.date, self.payload = headers["x-oss-date"], headers["x-oss-content-sha256"]
        elif values.get("x-oss-signature-version") == ALGORITHM:
            credential, self.given = values["x-oss-credential"], values["x-oss-signature"]
            self.additional = values.get("x-oss-additional-headers", "")
            self.date, self.payload = values["x-oss-date"], "UNSIGNED-PAYLOAD"
            self.expires = int(values["x-oss-expires"])
        elif authorization.startswith("OSS ") or "OSSAccessKeyId" in values:
            raise Refused(403, "AccessDenied", "This account may not use signature version 1.")
        else:
            raise Refused(403, "AccessDenied", "The request is not signed.")
        self.access_key, self.day, self.region, product, kind = credential.split("/")
        if (product, kind) != ("oss", "aliyun_v4_request"):
            raise Refused(400, "InvalidArgument", "The credential scope is wrong.")

    def check(self, method, resource, headers, query, bucket):
        if self.access_key != bucket.access_key:
            raise Refused(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
        signed_at, now = parse_time(self.date), time.time()
        if self.in_url and now > signed_at + self.expires:
            raise Refused(403, "AccessDenied", "Request has expired.")
        if not self.in_url and abs(now - signed_at) > CLOCK_SKEW_SECONDS_MAX:
            raise Refused(403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.")
        if self.region != bucket.region or self.day != self.date[:8]:
            raise Refused(403, "SignatureDoesNotMatch", "The region or the day of the scope is wrong.")
        wanted = self.of(self.canonical(method, resource, headers, query), bucket.secret)
        if not hmac.compare_digest(wanted, self.given):
            raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")

    def canonical(self, method, resource, headers, query):
        pairs = sorted((encode(key), encode(value)) for key, value in query if key != "x-oss-signature")
        line = "&".join(key if value == "" else f"{key}={value}" for key, value in pairs)
        additional = sorted(name for name in self.additional.split(";") if name)
        if any(name != name.lower() for name in additional):
            raise Refused(400, "InvalidArgument", "Additional headers must be written in lower case.")
        must = {name.lower() for name in headers if name.lower().startswith("x-oss-")}
        must |= {name for name in ("content-type", "content-md5") if name in headers}
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(must | set(additional)))
        path = quote(resource, safe="/-._~")
        return "\n".join([method, path, line, lines, ";".join(additional), self.payload])

    def of(self, canonical, secret):
        scope = f"{self.day}/{self.region}/oss/aliyun_v4_request"
        text = "\n".join([ALGORITHM, self.date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("aliyun_v4" + secret).encode()
        for part in (self.day, self.region, "oss", "aliyun_v4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    bucket = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Content-Length", str(len(body)))
        headers.setdefault("x-oss-request-id", uuid.uuid4().hex.upper()[:24])
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def answer_xml(self, name, inner, status=200):
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{inner}</{name}>'
        self.answer(status, text, Content_Type="application/xml")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def do_any(self):
        body = self.body()
        try:
            self.serve(body)
        except Refused as error:
            message = escape(error.message)
            inner = f"<Code>{error.code}</Code><Message>{message}</Message><RequestId>R</RequestId><HostId>double</HostId>"
            self.answer_xml("Error", inner, error.status)
        except (KeyError, ValueError) as error:
            inner = f"<Code>InvalidArgument</Code><Message>{escape(repr(error))}</Message>"
            self.answer_xml("Error", inner, 400)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any

    def serve(self, body):
        url = urlsplit(self.path)
        if url.path == "/-/requests":
            return self.answer(200, json.dumps(self.bucket.requests), Content_Type="application/json")
        pairs = parse_qsl(url.query.replace("+", "%2B"), keep_blank_values=True)
        host, path = self.headers.get("Host", "").rsplit(":", 1)[0], unquote(url.path)
        if re.fullmatch(r"[0-9.]+", host):
            # An address in numbers: the bucket stands in the path.
            name, _, key = path[1:].partition("/")
        else:
            name, key = host.split(".")[0], path[1:]
        Signature(self.headers, pairs).check(self.command, f"/{name}/{key}", self.headers, pairs, self.bucket)
        if name != self.bucket.name:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        digest = self.headers.get("Content-MD5")
        if digest and base64.b64encode(hashlib.md5(body).digest()).decode() != digest:
            raise Refused(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
        query = dict(pairs)
        kind, act = self.route(key, query)
        with self.bucket.lock:
            self.bucket.requests[kind] = self.bucket.requests.get(kind, 0) + 1
        act(key, query, body)

    def route(self, key, query):
        copies, upload = "x-oss-copy-source" in self.headers, "uploadId" in query
        table = {
            ("GET", key == "" and "uploads" not in query): ("ListObjects", self.list),
            ("GET", key == "" and "uploads" in query): ("ListMultipartUploads", self.list_uploads),
            ("POST", "delete" in query and key == ""): ("DeleteObjects", self.delete_many),
            ("POST", "uploads" in query): ("CreateMultipartUpload", self.begin),
            ("PUT", upload): ("UploadPart", self.part),
            ("POST", upload): ("CompleteMultipartUpload", self.complete),
            ("DELETE", upload): ("AbortMultipartUpload", self.abort),
            ("PUT", copies and not upload): ("CopyObject", self.copy),
            ("PUT", not copies and not upload): ("PutObject", self.put),
            ("GET", key != ""): ("GetObject", self.get),
            ("HEAD", key != ""): ("HeadObject", self.get),
            ("DELETE", key != "" and not upload): ("DeleteObject", self.delete),
        }
        found = table.get((self.command, True))
        if found is None:
            raise Refused(501, "NotImplemented", "The double does not do this.")
        return found

    def overwrites(self):
        return self.headers.get("x-oss-forbid-overwrite") != "true"

    def put(self, key, _query, body):
        self.answer(200, ETag=self.bucket.put(key, body, self.headers.get("Content-Type"), self.overwrites()))

    def copy(self, key, _query, _body):
        source = unquote(self.headers["x-oss-copy-source"])
        if not source.startswith(f"/{self.bucket.name}/"):
            raise Refused(403, "AccessDenied", "The source is in another bucket.")
        content, _, kind, _ = self.bucket.get(source[len(self.bucket.name) + 2:])
        tag = self.bucket.put(key, content, kind, self.overwrites())
        self.answer_xml("CopyObjectResult", f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{tag}</ETag>")

    def get(self, key, query, _body):
        content, tag, kind, written = self.bucket.get(key)
        if self.headers.get("If-Match", tag) != tag:
            raise Refused(412, "PreconditionFailed", "At least one of the preconditions did not hold.")
        headers = {
            "ETag": tag,
            "Last-Modified": email.utils.formatdate(written, usegmt=True),
            "Content-Type": query.get("response-content-type", kind),
            "Accept-Ranges": "bytes",
        }
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None or self.command == "HEAD":
            if self.command == "HEAD":
                headers["Content-Length"] = str(len(content))
            return self.answer(200, content, **headers)
        size = len(content)
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
        else:
            first, last = max(0, size - int(asked[2])), size - 1
        if first >= size:
            if self.headers.get("x-oss-range-behavior") == "standard":
                raise Refused(416, "InvalidRange", "The requested range cannot be satisfied.")
            return self.answer(200, content, **headers)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.answer(206, content[first:last + 1], **headers)

    def delete(self, key, _query, _body):
        with self.bucket.lock:
            self.bucket.objects.pop(key, None)
        self.answer(204)

    def delete_many(self, _key, _query, body):
        if "Content-MD5" not in self.headers:
            raise Refused(400, "MissingArgument", "Content-MD5 is missing.")
        keys = [element.text or "" for element in ElementTree.fromstring(body).iter("Key")]
        if len(keys) > 1000:
            raise Refused(400, "MalformedXML", "More than 1000 objects.")
        with self.bucket.lock:
            for key in keys:
                self.bucket.objects.pop(key, None)
        self.answer_xml("DeleteResult", "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys))

    def begin(self, key, _query, _body):
        identity = uuid.uuid4().hex.upper()
        self.bucket.uploads[identity] = (key, self.headers.get("Content-Type"), {}, time.time())
        inner = f"<Bucket>{self.bucket.name}</Bucket><Key>{escape(key)}</Key><UploadId>{identity}</UploadId>"
        self.answer_xml("InitiateMultipartUploadResult", inner)

    def upload(self, query):
        found = self.bucket.uploads.get(query["uploadId"])
        if found is None:
            raise Refused(404, "NoSuchUpload", "The specified upload does not exist.")
        return found

    def part(self, _key, query, body):
        tag = '"%s"' % hashlib.md5(body).hexdigest().upper()
        self.upload(query)[2][int(query["partNumber"])] = (tag, body)
        self.answer(200, ETag=tag)

    def complete(self, key, query, body):
        _, kind, parts, _ = self.upload(query)
        wanted = [(int(part.findtext("PartNumber")), part.findtext("ETag")) for part in ElementTree.fromstring(body).iter("Part")]
        if not wanted or wanted != sorted(wanted):
            raise Refused(400, "InvalidPartOrder", "The parts are not in order.")
        for number, tag in wanted:
            if number not in parts or parts[number][0].strip('"') != tag.strip('"'):
                raise Refused(400, "InvalidPart", "A part was not found.")
        if any(len(parts[number][1]) < PART_BYTES_MIN for number, _ in wanted[:-1]):
            raise Refused(400, "EntityTooSmall", "A part is too small.")
        whole = b"".join(parts[number][1] for number, _ in wanted)
        tag = self.bucket.put(key, whole, kind, self.overwrites())
        del self.bucket.uploads[query["uploadId"]]
        self.answer_xml("CompleteMultipartUploadResult", f"<Key>{escape(key)}</Key><ETag>{tag}</ETag>")

    def abort(self, _key, query, _body):
        self.upload(query)
        del self.bucket.uploads[query["uploadId"]]
        self.answer(204)

    def list_uploads(self, _key, query, _body):
        prefix, most = query.get("prefix", ""), int(query.get("max-uploads", 1000))
        marker = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        with self.bucket.lock:
            found = sorted((key, identity, began) for identity, (key, _, _, began) in self.bucket.uploads.items())
        found = [upload for upload in found if upload[0].startswith(prefix) and upload[:2] > marker]
        shown = lambda began: time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(began))
        inner = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{identity}</UploadId><Initiated>{shown(began)}</Initiated></Upload>"
            for key, identity, began in found[:most]
        )
        more = "true" if len(found) > most else "false"
        self.answer_xml("ListMultipartUploadsResult", f"<IsTruncated>{more}</IsTruncated>{inner}")

    def list(self, _key, query, _body):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        token = base64.urlsafe_b64decode(query.get("continuation-token", "")).decode()
        after = max(query.get("start-after", query.get("marker", "")), token)
        most, encoded = int(query.get("max-keys", 100)), query.get("encoding-type") == "url"
        shown = (lambda text: quote(text, safe="")) if encoded else escape
        with self.bucket.lock:
            keys = sorted(key for key in self.bucket.objects if key.startswith(prefix))
            found = {key: self.bucket.objects[key] for key in keys}
        inner, last, count, more = [], "", 0, False
        for key in keys:
            rest = key[len(prefix):]
            deeper = prefix + rest.split(delimiter)[0] + delimiter if delimiter and delimiter in rest else None
            name = deeper or key
            if name <= after or name == last:
                continue
            if count == most:
                more = True
                break
            last, count = name, count + 1
            if deeper:
                inner.append(f"<CommonPrefixes><Prefix>{shown(deeper)}</Prefix></CommonPrefixes>")
            else:
                content, tag, _, _ = found[key]
                inner.append(
                    f"<Contents><Key>{shown(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{tag}</ETag>"
                    f"<Type>Normal</Type><Size>{len(content)}</Size><StorageClass>Standard</StorageClass></Contents>"
                )
        token = base64.urlsafe_b64encode(last.encode()).decode()
        token = f"<NextContinuationToken>{token}</NextContinuationToken><NextMarker>{shown(last)}</NextMarker>"
        head = (
            f"<Name>{self.bucket.name}</Name><Prefix>{shown(prefix)}</Prefix><MaxKeys>{most}</MaxKeys><KeyCount>{count}</KeyCount>"
            f"{'<EncodingType>url</EncodingType>' if encoded else ''}<IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token if more else ''}"
        )
        self.answer_xml("ListBucketResult", head + "".join(inner))


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Clients that go away are a part of the tests.
        pass


def main():
    access_key, secret, name, region, port = sys.argv[1:6]
    Handler.bucket = Bucket(access_key, secret, name, region)
    server = Server(("127.0.0.1", int(port)), Handler)
    if len(sys.argv) > 6:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[6], sys.argv[7])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
