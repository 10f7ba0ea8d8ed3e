"""A notification hook: is told what happens in the registry, and can tell others.

It writes a line to the server's log for every push and every delete, of repositories that begin with `repositories` if that is
configured. Replace `tell` by what you need.

To return an error of the WIT, raise it: `raise Err(Error_Unavailable("the chat is away"))`. Any other exception is a trap:
the instance is lost, and the whole batch comes again.
"""

from typing import List

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import logging, store
from wit_world.imports.types import (
    Actions,
    ConfigProblem,
    Event,
    InitError_Config,
    Levels,
    Outcome,
    Outcome_Done,
    RegistryEvent,
    Subject_Registry,
    Subscription,
)


class Hook(wit_world.exports.Hook):
    def init(self) -> None:
        """Called once on each new instance. Check the configuration here, all keys at once."""
        if store.get("repositories") == "":
            problem = "is empty; leave it out to hear of every repository"
            raise Err(InitError_Config([ConfigProblem("repositories", problem)]))

    def health(self) -> None:
        """Asked before this component takes over from another one, and by the health checks."""

    def subscriptions(self) -> Subscription:
        """What this hook wants to hear of."""
        return Subscription(Actions.PUSH | Actions.DELETE, Levels(0), False)

    def handle(self, events: List[Event]) -> List[Outcome]:
        """From 1 to 100 events; one outcome per event, in the same order.

        `Outcome_Done()`, `Outcome_RetryAfterMs(5000)` or `Outcome_Drop("why")`.
        """
        return [outcome_of(event) for event in events]


def outcome_of(event: Event) -> Outcome:
    if isinstance(event.subject, Subject_Registry):
        happened = event.subject.value
        if happened.target.repository.startswith(store.get("repositories") or ""):
            tell(happened)
    # Also for what later versions may tell.
    return Outcome_Done()


def tell(happened: RegistryEvent) -> None:
    target = happened.target
    tag = f":{target.tag}" if target.tag is not None else ""
    digest = f" ({target.content.digest})" if target.content is not None else ""
    action = happened.action.name.lower()
    logging.log(logging.Level.INFO, "{{name}}", f"{happened.actor or 'somebody'}: {action} {target.repository}{tag}{digest}")
