"""Tells what became of messages: the conversations that show them, and the screens that may see them."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When

from messaging.models import Conversation, Message
from portal import live

THREAD = "thread"
INBOX = "inbox"


def tell(message_ids: Iterable[int], *, threads: Iterable[int] | None = None) -> None:
    """States of these messages have changed: bring the inbox rows that show them up to date and ring the screens.

    threads: the ids of their conversations, where the caller knows them.
    """
    ids = list(set(message_ids))
    if not ids:
        return
    state = Message.objects.filter(pk=OuterRef("last_message_id")).values("state")
    Conversation.objects.filter(last_message__among=ids).update(last_state=Subquery(state))
    if threads is None:
        threads = Message.objects.filter(pk__among=ids).values_list("conversation_id", flat=True)
    changed(threads)


def changed(conversation_ids: Iterable[int]) -> None:
    """These threads show something new."""
    ids = set(conversation_ids)
    if not ids:
        return
    by_team: dict[tuple[int, int | None], list[int]] = defaultdict(list)
    rows = Conversation.objects.filter(pk__among=ids)
    for organization_id, team_id, pk in rows.values_list("organization_id", "team_id", "pk"):
        by_team[organization_id, team_id].append(pk)
    live.publish_all(
        (organization_id, live.team(team_id), kind, sorted(pks))
        for (organization_id, team_id), pks in by_team.items()
        for kind in (THREAD, INBOX)
    )


def newest(message: Message, *, preview: str) -> dict[str, object]:
    """The columns of a conversation that show `message` as its newest; they stay where a newer one is shown already.

    Two texts of a thread may be written at once, and the older one's transaction may be the later to get here.
    """
    is_newer = Q(last_message=None) | Q(last_message__lt=message.pk)
    columns = {
        "last_message": Value(message.pk, output_field=Message._meta.pk),
        "last_at": Value(message.created_at),
        "last_preview": Value(preview),
        "last_direction": Value(message.direction),
        "last_state": Value(message.state),
    }
    return {name: Case(When(is_newer, then=value), default=F(name)) for name, value in columns.items()}
