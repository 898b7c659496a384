"""The table of participants, and its reads."""

from __future__ import annotations

from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.participants.model import Participant

PARTICIPANTS = Table(
    "participants",
    Participant,
    references={"conversation_id": "conversations", "user_id": "users"},
    indexes=(
        Index("participants_by_conversation", ("conversation_id", "id")),
        Index("participants_by_user", ("user_id", "conversation_id")),
    ),
)

NOT_A_MEMBER = "User is not a member of the conversation"


def find_participant(conversation_id: str, user_id: str) -> Statements[Participant | None]:
    return PARTICIPANTS.first_of("WHERE user_id = $1 AND conversation_id = $2", user_id, conversation_id)


def require_participant(conversation_id: str, user_id: str) -> Statements[Participant]:
    """Return the user's participant. Raises NotFound if the user is not a member of the conversation."""
    participant = yield from find_participant(conversation_id, user_id)
    if participant is None:
        raise NotFound(NOT_A_MEMBER)
    return participant


def participants_of(conversation_id: str) -> Statements[list[Participant]]:
    """Return all participants in the order in which they joined."""
    return PARTICIPANTS.select("WHERE conversation_id = $1 ORDER BY id", conversation_id)


def participants_of_user(user_id: str) -> Statements[list[Participant]]:
    """Return the user's participants in all conversations."""
    return PARTICIPANTS.select("WHERE user_id = $1 ORDER BY conversation_id", user_id)


def participants_page(conversation_id: str, page: Page, title: str) -> Statements[tuple[list[Participant], bool]]:
    """Return one page of the participants, and whether more follow. Raises BadRequest(`title`) for a cursor of another list."""
    if cursor := page.before or page.after:
        own = "SELECT 1 FROM participants WHERE id = $1 AND conversation_id = $2"
        if not (yield from execute(own, cursor, conversation_id)):
            raise BadRequest(title)
    return (yield from PARTICIPANTS.page("conversation_id = $1", (conversation_id,), page))
