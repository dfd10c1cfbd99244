"""The models of webhooks and of what they have sent."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from webapp.api.fields import Id, at_most, named
from webapp.api.schemas import Input, WholeNumber
from webapp.models import Webhook, WebhookDelivery, utc_now
from webapp.models.base import MAX_ID
from webapp.models.tables.webhook import WebhookEvent
from webapp.models.tables.webhook_terms import MAX_NAME, WebhookTerms
from webapp.outgoing.target import MAX_URL

MAX_LIMIT = 200  # deliveries
URL = "https://hooks.example.org/rowcast"
WEBHOOK_EXAMPLE: dict[str, Any] = {
    "id": 6,
    "name": "Stock",
    "url": URL,
    "events": ["rows.added", "rows.changed"],
    "is_on": True,
    "off_reason": "",
    "seq": 204,
    "failing_since": None,
    "due_at": None,
    "old_secret_until": None,
    "made_at": "2026-11-28T08:00:00Z",
}
DELIVERY_EXAMPLE: dict[str, Any] = {
    "id": 31,
    "message_id": "msg_5f0c9f2e7a1b4c3d5f0c9f2e7a1b4c3d",
    "kind": "changes",
    "state": "delivered",
    "after_seq": 203,
    "last_seq": 204,
    "made_at": "2026-11-28T18:40:12.500000Z",
    "tried_at": "2026-11-28T18:40:12.700000Z",
    "attempts": 1,
    "status": 204,
    "ms": 31,
    "reason": "",
    "answer": "",
}
SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="  # noqa: S105  (of nobody)
_UNCHANGED: Any = None

Name = Annotated[str, named(MAX_NAME)]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL),
    Field(description="Where it sends: an https address that anybody can reach."),
]
EventName = Literal["rows.added", "rows.changed", "rows.deleted", "columns", "table"]
Events = Annotated[
    list[EventName],
    Field(max_length=len(WebhookEvent), description="What it is sent; empty: all, also what there may be later."),
    at_most(len(WebhookEvent)),
]


class TableWebhook(BaseModel):
    """A webhook: an address that is told what changes in the table."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK_EXAMPLE]})

    id: int
    name: str
    url: str
    events: list[str] = Field(description="What it is sent; empty: all.")
    is_on: bool
    off_reason: str = Field(
        description="Why it was switched off by itself: `gone` (its receiver answered 410), `failing` (for days)."
    )
    seq: int = Field(description="The last change that needs no sending any more.")
    failing_since: datetime | None = Field(description="Since when what waits was not taken.")
    due_at: datetime | None = Field(description="When that is sent again.")
    old_secret_until: datetime | None = Field(description="Until when messages are signed with the old secret, too.")
    made_at: datetime

    @classmethod
    def values(cls, webhook: Webhook) -> dict[str, Any]:
        until = webhook.before_until
        about = {name: getattr(webhook, name) for name in TableWebhook.model_fields if name != "old_secret_until"}
        return about | {"old_secret_until": until if until is not None and until > utc_now() else None}


class WebhookWithSecret(TableWebhook):
    """A webhook whose secret is new. It is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK_EXAMPLE | {"secret": SECRET}]})

    secret: str | None = Field(
        description="What messages are signed with. Null in the answer to a repeat: if the first one did not reach "
        "you, replace the secret."
    )


class TableWebhooks(BaseModel):
    """The webhooks of a table, the newest first."""

    items: list[TableWebhook]


class NewTableWebhook(Input):
    """A webhook to be made. It is told what changes from then on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Stock", "url": URL, "events": ["rows.added", "rows.changed"]}]}
    )

    name: Name
    url: Url
    events: Events = Field(default=[])

    @property
    def terms(self) -> WebhookTerms:
        return WebhookTerms(self.name, self.url, tuple(self.events))


def _require_one(schema: dict[str, Any]) -> None:
    schema |= {"minProperties": 1, "examples": [{"events": ["rows.deleted"]}]}
    for field in schema["properties"].values():
        field.pop("default", None)


class TableWebhookChange(Input):
    """Only the fields given are changed. What waits is sent again at once."""

    model_config = ConfigDict(json_schema_extra=_require_one)

    name: Name = _UNCHANGED
    url: Url = _UNCHANGED
    events: Events = _UNCHANGED
    is_on: bool = Field(
        default=_UNCHANGED, description="Switched on again, it is sent what has changed since it was switched off."
    )

    @model_validator(mode="after")
    def _is_change(self) -> "TableWebhookChange":
        if not self.model_fields_set:
            raise ValueError("Name at least one thing to change.")
        return self


class Delivery(BaseModel):
    """A message, with the last attempt to send it."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY_EXAMPLE]})

    id: int
    message_id: str = Field(description="Its header `webhook-id`: the same for all attempts and copies.")
    kind: str = Field(description="`changes`, `again` (a copy that was asked for) or `test`.")
    state: str = Field(description="`waiting`, `delivered` or `failed`.")
    after_seq: int = Field(description="It has the changes after this one,")
    last_seq: int = Field(description="up to this one, as far as the webhook is about them.")
    made_at: datetime
    tried_at: datetime | None
    attempts: int
    status: int | None = Field(description="Of the answer.")
    ms: int | None = Field(description="How long the answer took.")
    reason: str = Field(description="Why it was not taken, in words.")
    answer: str = Field(description="The beginning of what was answered.")

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> "Delivery":
        return cls(**{name: getattr(delivery, name) for name in cls.model_fields})


class Deliveries(BaseModel):
    """One page of deliveries, the newest first."""

    items: list[Delivery]
    next: str | None = Field(description="The URL of the next page; null on the last one.")


class DeliveriesQuery(Input):
    limit: WholeNumber = Field(default=50, ge=1, le=MAX_LIMIT, description="Maximum number of deliveries.")
    before: WholeNumber = Field(default=MAX_ID, ge=1, le=MAX_ID, description="Only those before the one with this id.")


class Replay(Input):
    """From where on all changes are sent again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seq": 1}]})

    seq: Id = Field(description="The first change to be sent, by its number. One more than the last skips what waits.")
