"""Tells a chat of every tag that is pushed or deleted, by an incoming webhook. See README.md."""

import json
from typing import List, Optional, Tuple
from urllib.parse import SplitResult, urlsplit

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import logging, outgoing_handler, store
from wit_world.imports import wasi_http_types as http
from wit_world.imports import wharf_notify_types as notify


class Hook(wit_world.exports.Hook):
    def init(self) -> None:
        if address() is None:
            problem = "grant a secret with the URL of the chat's incoming webhook, such as https://chat.example.com/hooks/abc"
            raise Err(notify.InitError_Config([notify.ConfigProblem("url", problem)]))

    def health(self) -> None:
        pass

    def subscriptions(self) -> notify.Subscription:
        return notify.Subscription(notify.Actions.PUSH | notify.Actions.DELETE, notify.Levels(0), False)

    def handle(self, events: List[notify.Event]) -> List[notify.Outcome]:
        """One message for the whole batch, so that a storm of pushes is no storm of messages."""
        lines = [line for line in map(line_of, events) if line is not None]
        if not lines:
            return [notify.Outcome_Done()] * len(events)
        try:
            status = post({"text": "\n".join(lines)})
        except Err as error:
            return [failed(f"the chat can't be reached: {error.value}")] * len(events)
        if 200 <= status < 300:
            return [notify.Outcome_Done()] * len(events)
        if status == 429 or status >= 500:
            return [failed(f"the chat answered {status}")] * len(events)
        # It would answer so for ever.
        return [notify.Outcome_Drop(f"the chat answered {status}")] * len(events)


def line_of(event: notify.Event) -> Optional[str]:
    """What is said of an event; nothing for blobs, and for what later versions may tell."""
    if not isinstance(event.subject, notify.Subject_Registry):
        return None
    happened = event.subject.value
    target = happened.target
    if target.tag is None or not target.repository.startswith(store.get("repositories") or ""):
        return None
    verb = "deleted" if happened.action == notify.Action.DELETE else "pushed"
    return f"{happened.actor or 'somebody'} {verb} {target.repository}:{target.tag}"


def failed(reason: str) -> notify.Outcome:
    logging.log(logging.Level.WARN, "notify-python", reason)
    return notify.Outcome_RetryAfterMs(5_000)


def address() -> Optional[SplitResult]:
    url = urlsplit((store.get("url") or "").strip())
    return url if url.scheme in ("http", "https") and url.netloc else None


def post(message: dict) -> int:
    """Sends a message, and returns the status of the answer."""
    url = address()
    body = json.dumps(message).encode()
    headers: List[Tuple[str, bytes]] = [
        ("content-type", b"application/json"),
        ("content-length", str(len(body)).encode()),
    ]
    request = http.OutgoingRequest(http.Fields.from_list(headers))
    request.set_method(http.Method_Post())
    request.set_scheme(http.Scheme_Https() if url.scheme == "https" else http.Scheme_Http())
    request.set_authority(url.netloc)
    request.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    outgoing = request.body()
    # The host begins to send when it is told of the request, so this comes before the body is written.
    future = outgoing_handler.handle(request, None)
    with outgoing.write() as stream:
        for start in range(0, len(body), 4096):
            stream.blocking_write_and_flush(body[start : start + 4096])
    http.OutgoingBody.finish(outgoing, None)
    with future.subscribe() as pollable:
        pollable.block()
    # The outer result would say that the answer was taken before, the inner one whether there is any.
    answer = future.get().value
    if isinstance(answer, Err):
        raise answer
    response = answer.value
    with response:
        return response.status()
