"""Drives the OSS double with Alibaba's own SDK (PyPI `oss2`), which knows nothing of Wharf: what the SDK signs, the double must
accept, and what is signed wrongly it must refuse.

    oss_double_proof.py PORT      (the double was started with the keys and names below)
"""

import sys
import urllib.request

import oss2

KEY = "proof/a b+c%d&e=f~ü'(1)*:@,;!$#?.txt"


def bucket(secret="testsecret", region="cn-hangzhou", access_key="testkey"):
    provider = oss2.credentials.StaticCredentialsProvider(access_key, secret)
    return oss2.Bucket(oss2.ProviderAuthV4(provider), f"http://127.0.0.1:{sys.argv[1]}", "images", region=region)


def refused(code, action):
    try:
        action()
    except oss2.exceptions.ServerError as error:
        assert error.code == code, (error.code, code)
    else:
        raise AssertionError(f"accepted, but {code} was expected")


def main():
    good = bucket()
    assert good.put_object(KEY, b"hello", headers={"Content-Type": "text/x"}).status == 200
    assert good.get_object(KEY, byte_range=(1, 3)).read() == b"ell"
    assert good.head_object(KEY).content_type == "text/x"
    refused("FileAlreadyExists", lambda: good.put_object(KEY, b"x", headers={"x-oss-forbid-overwrite": "true"}))
    good.copy_object("images", KEY, "proof/copy")
    upload = good.init_multipart_upload("proof/parts").upload_id
    parts = [oss2.models.PartInfo(n, good.upload_part("proof/parts", upload, n, b"z" * 200_000).etag) for n in (1, 2)]
    good.complete_multipart_upload("proof/parts", upload, parts)
    assert good.head_object("proof/parts").content_length == 400_000
    keys = [found.key for found in oss2.ObjectIteratorV2(good, prefix="proof/", max_keys=1)]
    assert keys == sorted([KEY, "proof/copy", "proof/parts"]), keys
    assert good.list_objects_v2(prefix="", delimiter="/").prefix_list == ["proof/"]
    url = good.sign_url("GET", KEY, 60, params={"response-content-type": "application/x y"}, slash_safe=True)
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=1-2"})) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"el", "application/x y")
    refused("NoSuchKey", lambda: good.get_object("proof/none"))
    refused("SignatureDoesNotMatch", lambda: bucket(secret="wrong").put_object("w", b"x"))
    refused("SignatureDoesNotMatch", lambda: bucket(region="cn-beijing").put_object("w", b"x"))
    refused("InvalidAccessKeyId", lambda: bucket(access_key="other").put_object("w", b"x"))
    old = oss2.Bucket(oss2.Auth("testkey", "testsecret"), f"http://127.0.0.1:{sys.argv[1]}", "images")
    refused("AccessDenied", lambda: old.put_object("w", b"x"))
    good.batch_delete_objects([KEY, "proof/copy", "proof/parts"])
    assert not list(oss2.ObjectIteratorV2(good, prefix="proof/"))
    print("the double is proven")


main()
