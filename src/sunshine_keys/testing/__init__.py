"""The service as a test fixture: the production code on a store in memory, with an app, an integration and keys.

    from sunshine_keys.testing import sunshine_server

    with sunshine_server() as s:
        keys = sunshine_conversations_client.CustomIntegrationApiKeysApi(s.client())
        s.faults.next(status=429, retry_after=1)

Clients reach the server in-process, without a port. `s.url` opens a real socket for other programs. In pytest, the fixture
`sunshine` gives each test a new server.
"""

from sunshine_keys.testing.faults import Faults, RecordedDelivery, RecordedRequest
from sunshine_keys.testing.people import Chat, Person
from sunshine_keys.testing.server import Key, OAuthClient, Snapshot, SunshineServer, sunshine_server

__all__ = [
    "Chat",
    "Faults",
    "Key",
    "OAuthClient",
    "Person",
    "RecordedDelivery",
    "RecordedRequest",
    "Snapshot",
    "SunshineServer",
    "sunshine_server",
]
