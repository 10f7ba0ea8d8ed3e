"""An auth provider: decides about every request that reaches the registry.

It finds its users in its configuration under `users`, a line `NAME:PASSWORD` for each (the operator grants it as a
secret), and lets anybody pull when `anonymous-pull` is `true`. Replace `who_is` by what you need.

To return an error of the WIT, raise it: `raise Err(Error_Unavailable("the directory is away"))`. Any other exception is a
trap: the instance is lost, and the request is answered with 503.
"""

import hmac
from typing import List, Optional

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import logging, store
from wit_world.imports.types import (
    Access,
    Action,
    Challenge,
    ConfigProblem,
    Credentials,
    Credentials_Anonymous,
    Credentials_Basic,
    Decision,
    Decision_Challenge,
    Decision_Granted,
    Grant,
    Identity,
    InitError_Config,
    RequestContext,
)


class Provider(wit_world.exports.Provider):
    def init(self) -> None:
        """Called once on each new instance. Check the configuration here, all keys at once, and keep it cheap."""
        problems = []
        if store.get("users") is None:
            problem = "is missing: grant it as a secret that has a line NAME:PASSWORD for each user"
            problems.append(ConfigProblem("users", problem))
        if store.get("anonymous-pull") not in (None, "true", "false"):
            problems.append(ConfigProblem("anonymous-pull", "is neither true nor false"))
        if problems:
            raise Err(InitError_Config(problems))

    def health(self) -> None:
        """Asked before this component takes over from another one, and by the health checks."""

    def authorize(self, context: RequestContext, wanted: List[Access]) -> Decision:
        """`context.credentials` says who comes, `wanted` what they are about to do; an empty list is a login."""
        user = who_is(context.credentials)
        if user is not None:
            return granted(user, wanted)
        # Wrong credentials are refused, never treated as none.
        pulls_only = bool(wanted) and all(access.action == Action.PULL for access in wanted)
        anonymous = isinstance(context.credentials, Credentials_Anonymous)
        if anonymous and pulls_only and store.get("anonymous-pull") == "true":
            return granted("", wanted)
        if isinstance(context.credentials, Credentials_Basic):
            logging.log(logging.Level.WARN, "{{name}}", f"wrong password for a user at {context.peer or 'a unix socket'}")
        return Decision_Challenge(Challenge('Basic realm="{{name}}"', "these credentials are not enough", None))


def who_is(credentials: Credentials) -> Optional[str]:
    """The name of the user whom these credentials belong to."""
    if not isinstance(credentials, Credentials_Basic):
        return None
    basic = credentials.value
    lines = (store.get("users") or "").splitlines()
    users = dict(line.split(":", 1) for line in lines if ":" in line)
    expected = users.get(basic.username)
    # The comparison runs for users who do not exist as well, so that time does not tell who does.
    same = hmac.compare_digest(basic.password.encode(), (expected or "nobody has this password").encode())
    return basic.username if same and expected is not None else None


def granted(name: str, wanted: List[Access]) -> Decision:
    """Grants what was wanted. The host may answer the same credentials from this for a minute without asking again."""
    return Decision_Granted(Grant(Identity(name, []), wanted, 60_000, name or None))
