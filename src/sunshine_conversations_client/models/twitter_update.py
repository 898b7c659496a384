# Written by scripts/generate_client.py; change that, not this.

from sunshine_conversations_client.models._integration_updates import TwitterUpdate as TwitterUpdate
