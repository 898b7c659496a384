"""The service inside a test: the production code on a store in memory, with an app, an integration and keys ready.

    from sunshine_keys.testing import sunshine_server

    with sunshine_server() as s:
        keys = sunshine_conversations_client.CustomIntegrationApiKeysApi(s.client())
        s.faults.next(status=429, retry_after=1)

Clients reach it in-process, without a port; `s.url` opens a real socket for whatever else does. Under pytest, the fixture
`sunshine` is such a server, one for each test.
"""

from sunshine_keys.testing.faults import Faults, RecordedRequest
from sunshine_keys.testing.server import Key, Snapshot, SunshineServer, sunshine_server

__all__ = ["Faults", "Key", "RecordedRequest", "Snapshot", "SunshineServer", "sunshine_server"]
