"""Receive webhooks with Flask: SECRET has the webhook's secret, or several with blanks between them."""

import os

from flask import Flask, request

from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse

SECRETS = os.environ["SECRET"].split()

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1_000_000


@app.route("/", methods=["HEAD", "POST"])
def receive():
    if request.method == "HEAD":  # the service sends it when a webhook is created
        return "", 200
    try:
        envelope = parse(request.headers, request.get_data(), SECRETS)
    except WebhookVerificationError:
        return "", 401
    except WebhookDecodeError:
        return "", 400
    for event in envelope.events:
        print(repr(event.type), repr(event.id), flush=True)
    return "", 200


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
