"""Call the official Python client: read a call as JSON from each line of the input, and write its outcome as JSON.

    {"api": "UsersApi", "method": "get_user", "arguments": [...], "options": {...}, "kind": null}

The arguments are those of the client's method; an object becomes a model by the model's `from_dict`. `kind` is the name of
a model of a union: the object becomes a model of it, which the model of the union wraps. The outcome has the `status`, the `raw` answer and the `model`, which the
client decoded; or the `error` that the call raised. The command's arguments are the URL, and the id and secret of a key; without an id, the secret is an access token.
"""

import importlib
import inspect
import json
import sys
from datetime import datetime
from typing import Any, get_args


def outcome(client: Any, call: dict[str, Any]) -> dict[str, Any]:
    package = importlib.import_module("sunshine_conversations_client")
    method = getattr(getattr(package, call["api"])(client), f"{call['method']}_with_http_info")
    try:
        bound = inspect.signature(method).bind(*call["arguments"], **call["options"])
        for name, value in bound.arguments.items():
            if isinstance(value, dict) and not name.startswith("_"):
                model = model_of(bound.signature.parameters[name].annotation)
                kind = call["kind"] and getattr(package, call["kind"])
                bound.arguments[name] = model(kind.from_dict(value)) if kind else model.from_dict(value)
        answer = method(*bound.args, **bound.kwargs)
    except Exception as error:  # every error of the client is an outcome
        return {"error": f"{type(error).__name__}: {error}"}
    model = answer.data.to_dict() if hasattr(answer.data, "to_dict") else answer.data
    try:
        raw = json.loads(answer.raw_data)
    except ValueError:  # a page
        raw = answer.raw_data.decode()
    return {"status": answer.status_code, "raw": raw, "model": model}


def model_of(annotation: Any) -> Any:
    """Return the model in an annotation such as `Annotated[Optional[Page], ...]`."""
    if hasattr(annotation, "from_dict"):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_of(part))), None)


def text(moment: datetime) -> str:
    """Return a date as the API writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main() -> None:
    package = importlib.import_module("sunshine_conversations_client")
    url, key_id, secret = sys.argv[1:]
    credentials = {"username": key_id, "password": secret} if key_id else {"access_token": secret}
    client = package.ApiClient(package.Configuration(host=url, **credentials))
    for line in sys.stdin:
        print(json.dumps(outcome(client, json.loads(line)), default=text), flush=True)


if __name__ == "__main__":
    main()
