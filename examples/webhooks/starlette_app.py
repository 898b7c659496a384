"""Receive webhooks with Starlette or FastAPI: SECRET has the webhook's secret, or several with blanks between them."""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse

SECRETS = os.environ["SECRET"].split()
MAX_BYTES = 1_000_000


async def receive(request):
    if request.method == "HEAD":  # the service sends it when a webhook is created
        return Response()
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return Response(status_code=413)
    try:
        envelope = parse(request.headers, body, SECRETS)
    except WebhookVerificationError:
        return Response(status_code=401)
    except WebhookDecodeError:
        return Response(status_code=400)
    for event in envelope.events:
        print(repr(event.type), repr(event.id), flush=True)
    return Response()


app = Starlette(routes=[Route("/", receive, methods=["HEAD", "POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
