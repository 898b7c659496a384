"""Receive webhooks with the standard library: SECRET has the webhook's secret, or several with blanks between them."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse

SECRETS = os.environ["SECRET"].split()
MAX_BYTES = 1_000_000


class Receiver(BaseHTTPRequestHandler):
    timeout = 20  # seconds that a slow client may take

    def do_HEAD(self):  # the service sends it when a webhook is created
        self.answer(200)

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 10):
            return self.answer(411)
        body = self.rfile.read(min(int(length), MAX_BYTES + 1))
        if len(body) > MAX_BYTES:
            return self.answer(413)
        try:
            envelope = parse(self.headers, body, SECRETS)
        except WebhookVerificationError:
            return self.answer(401)
        except WebhookDecodeError:
            return self.answer(400)
        for event in envelope.events:
            print(repr(event.type), repr(event.id), flush=True)
        return self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver).serve_forever()
