"""A bot: it shows quick replies, sends a form, echoes, and hands over to an agent and back.

    APP_ID=… KEY_ID=… SECRET=… WEBHOOK_SECRET=… python examples/bot/bot.py

`Bot` is a WSGI application, so any WSGI server runs it, and a test delivers webhooks to it without a socket.
"""

import os
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import webhooks

MENU = ("Echo", "Contact form", "Talk to a person")
FORM = {
    "type": "form",
    "fields": [
        {"type": "text", "name": "name", "label": "Your name"},
        {"type": "email", "name": "mail", "label": "Your e-mail"},
    ],
}


class Bot:
    def __init__(self, client, app_id, secrets, integration_id=None):
        self.messages = sunshine.MessagesApi(client)
        self.control = sunshine.SwitchboardActionsApi(client)
        self.app_id, self.secrets, self.integration_id = app_id, secrets, integration_id
        self.handled = set()  # event ids: a webhook may deliver an event twice

    def __call__(self, environ, start_response):
        start_response(f"{self.answer(environ)} -", [("Content-Length", "0")])
        return [b""]

    def answer(self, environ):
        """Handle a request, and return the status of its answer."""
        if environ["REQUEST_METHOD"] == "HEAD":  # the service sends it when a webhook is created
            return 200
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            events = webhooks.parse(environ, body, self.secrets).events
        except webhooks.WebhookVerificationError:
            return 401
        except webhooks.WebhookDecodeError:
            return 400
        for event in events:
            if event.id not in self.handled:
                self.handle(event)
                self.handled.add(event.id)
        return 200

    def handle(self, event):
        conversation = getattr(event.payload, "conversation", None)
        active = conversation and conversation.active_switchboard_integration
        if active and active.integration_id != self.integration_id:
            return  # an agent talks to the person
        if event.type in ("conversation:create", "switchboard:passControl"):
            self.show_menu(conversation.id)
        elif event.type == "conversation:message" and event.payload.message.author.type == "user":
            self.reply(conversation.id, event.payload.message.content)

    def reply(self, conversation_id, content):
        if content.type == "formResponse":
            self.say(conversation_id, {"type": "text", "text": f"Thank you, {content.fields[0].text}!"})
        elif content.type != "text":
            self.say(conversation_id, {"type": "text", "text": f"You sent a message of type {content.type}."})
        elif content.payload == "Contact form":
            self.say(conversation_id, FORM)
        elif content.payload == "Talk to a person":
            self.hand_over(conversation_id)
        else:
            self.say(conversation_id, {"type": "text", "text": f"You said: {content.text}"})

    def show_menu(self, conversation_id):
        actions = [{"type": "reply", "text": text, "payload": text} for text in MENU]
        self.say(conversation_id, {"type": "text", "text": "How can I help?", "actions": actions})

    def hand_over(self, conversation_id):
        try:
            self.control.pass_control(self.app_id, conversation_id, {"switchboardIntegration": "next"})
        except sunshine.ApiException:  # there is no switchboard, or nobody is next in it
            self.say(conversation_id, {"type": "text", "text": "Nobody is there at the moment."})

    def say(self, conversation_id, content):
        self.messages.post_message(self.app_id, conversation_id, {"author": {"type": "business"}, "content": content})


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    configuration = sunshine.Configuration(key_id=os.environ["KEY_ID"], secret=os.environ["SECRET"])
    bot = Bot(
        sunshine.ApiClient(configuration),
        os.environ["APP_ID"],
        os.environ["WEBHOOK_SECRET"],
        os.environ.get("INTEGRATION_ID"),
    )
    port = int(os.environ.get("PORT", "5000"))
    make_server("127.0.0.1", port, bot, server_class=Server, handler_class=WSGIRequestHandler).serve_forever()
