"""Passwords that are JSON Web Tokens: signed, expiring, and saying what they are for. See README.md."""

import base64
import binascii
import hashlib
import hmac
import json
import warnings  # noqa: F401  hmac imports it when it is first used, and then there is nothing left to import from
from typing import List

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import store
from wit_world.imports.types import (
    Access,
    Action,
    Challenge,
    ConfigProblem,
    Credentials_Basic,
    Credentials_Bearer,
    Decision,
    Decision_Challenge,
    Decision_Denied,
    Decision_Granted,
    Denial,
    Grant,
    Identity,
    InitError_Config,
    RequestContext,
    ResourceName_Repository,
)

KEY_CHARACTERS_MIN = 32
ACTIONS = {Action.PULL: "pull", Action.PUSH: "push", Action.DELETE: "delete", Action.ALL: "*"}


class Refused(Exception):
    """A token that is not good, and why."""


class Provider(wit_world.exports.Provider):
    def init(self) -> None:
        key = store.get("key")
        if key is None or len(key.strip()) < KEY_CHARACTERS_MIN:
            problem = f"grant a secret of {KEY_CHARACTERS_MIN} characters or more: the key that tokens are signed with"
            raise Err(InitError_Config([ConfigProblem("key", problem)]))

    def health(self) -> None:
        pass

    def authorize(self, context: RequestContext, wanted: List[Access]) -> Decision:
        if isinstance(context.credentials, Credentials_Basic):
            token = context.credentials.value.password
        elif isinstance(context.credentials, Credentials_Bearer):
            token = context.credentials.value
        else:
            return challenge("no token")
        try:
            # By the time of the request and not by a clock, so that a decision can be repeated in a test.
            claims = checked(token, (store.get("key") or "").strip(), context.now_ms // 1000)
        except Refused as refused:
            return challenge(str(refused))
        name = claims["sub"]
        for access in wanted:
            if not allowed(claims, access):
                return Decision_Denied(Denial(f"the token of {name} is not for this", None))
        left_ms = claims["exp"] * 1000 - context.now_ms
        return Decision_Granted(Grant(Identity(name, []), wanted, min(left_ms, 60_000), None))


def checked(token: str, key: str, now: int) -> dict:
    """The claims of a token, once its signature and its time are good (RFC 7519, HS256 and nothing else)."""
    try:
        head, body, signature = token.encode("ascii").split(b".")
        given = decoded(signature)
        if json.loads(decoded(head)).get("alg") != "HS256":
            raise Refused("a token that is signed in another way")
        expected = hmac.new(key.encode(), head + b"." + body, hashlib.sha256).digest()
        if not hmac.compare_digest(given, expected):
            raise Refused("a token that somebody else has signed")
        claims = json.loads(decoded(body))
        if not isinstance(claims["exp"], int) or claims["exp"] <= now:
            raise Refused("a token that has expired")
        if not isinstance(claims["sub"], str) or not isinstance(claims.get("access", []), list):
            raise Refused("a token without a subject, or with an odd access")
        return claims
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise Refused("a password that is no token")


def decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def allowed(claims: dict, access: Access) -> bool:
    """`access` in the words of the token protocol: `{"type": "repository", "name": "team/app", "actions": ["pull"]}`."""
    if isinstance(access.on, ResourceName_Repository):
        kind, name = "repository", access.on.value
    else:
        kind, name = "registry", "catalog"
    return any(
        isinstance(entry, dict)
        and entry.get("type") == kind
        and entry.get("name") == name
        and ACTIONS[access.action] in entry.get("actions", [])
        for entry in claims.get("access", [])
    )


def challenge(reason: str) -> Decision:
    return Decision_Challenge(Challenge('Basic realm="signed passwords"', reason, None))
