"""Receive webhooks with Django, in one file: SECRET has the webhook's secret, or several with blanks between them."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse

SECRETS = os.environ["SECRET"].split()

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=1_000_000,
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.urandom(32).hex(),  # Django's own; this program signs nothing with it
)


@csrf_exempt  # the caller is no browser, and X-API-Key shows who it is
@require_http_methods(["HEAD", "POST"])
def receive(request):
    if request.method == "HEAD":  # the service sends it when a webhook is created
        return HttpResponse()
    try:
        envelope = parse(request.headers, request.body, SECRETS)
    except WebhookVerificationError:
        return HttpResponse(status=401)
    except WebhookDecodeError:
        return HttpResponse(status=400)
    for event in envelope.events:
        print(repr(event.type), repr(event.id), flush=True)
    return HttpResponse()


urlpatterns = [path("", receive)]

if __name__ == "__main__":
    address = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", "--skip-checks", address])
