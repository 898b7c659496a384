"""What a webhook delivers: the published example of every trigger, as the JSON of a request."""

from __future__ import annotations

from typing import Any

from api_facts import load

SECRET = "8f2b1c9d04e7a6538f2b1c9d04e7a653"


def published() -> dict[str, dict[str, Any]]:
    """Return the examples by trigger. `passthrough:messaging` has none: its payload is whatever a channel sent."""
    api = load()
    content = api.facts["x-webhooks"]["Webhook Event"]["post"]["requestBody"]["content"]["application/json"]
    examples = {trigger: api.target(example)["value"] for trigger, example in content["examples"].items()}
    passed = {
        "id": "61290a62c64b3af1ff868799",
        "createdAt": "2021-08-27T15:53:06.744Z",
        "type": "passthrough:messaging",
    }
    passed["payload"] = {"channel": {"raw": [1, None]}}
    envelope = {name: examples["client:add"][name] for name in ("app", "webhook")}
    return examples | {"passthrough:messaging": envelope | {"events": [passed]}}


DELIVERIES = published()
