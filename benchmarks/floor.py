"""The floor: a bare ASGI callable on the uvicorn that the service runs on, which returns the service's bytes.

python benchmarks/floor.py PORT ANSWERS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from sunshine_keys import server


def application(answers: dict[str, Any]) -> Any:
    """`answers` has [status, headers, body] by path."""
    messages = {
        path.encode(): (
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(n.encode(), v.encode()) for n, v in headers],
            },
            {"type": "http.response.body", "body": body.encode()},
        )
        for path, (status, headers, body) in answers.items()
    }

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        start, body = messages[scope["raw_path"]]
        await send(start)
        await send(body)

    return answer


if __name__ == "__main__":
    callable_ = application(json.loads(Path(sys.argv[2]).read_text()))
    listener = server.listen("127.0.0.1", int(sys.argv[1]))
    config = uvicorn.Config(
        callable_, lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        timeout_keep_alive=server.KEEP_ALIVE_SECONDS,
    )  # fmt: skip
    uvicorn.Server(config).run([listener])
