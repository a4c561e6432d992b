from typing import Any

import pytest

from messaging import conversations
from messaging.conversations import ConversationRefused
from messaging.models import Contact, Conversation, ReadMark, ThreadNote
from portal.models import AuditEvent, LiveEvent, Role
from tests.messaging.threads import hear, make_did, make_thread
from tests.people import House, add_member

pytestmark = pytest.mark.django_db


def published() -> list[tuple[str, str, list[int]]]:
    return list(LiveEvent.objects.order_by("id").values_list("audience", "kind", "refs"))


@pytest.fixture
def thread(house: House) -> Conversation:
    return make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550142")


# --- Start ---


@pytest.mark.parametrize("typed", ["+12125550142", "(212) 555-0142", "212.555.0142", "1 212 555 0142"])
def test_any_form_of_a_number_starts_the_same_thread(house: House, typed: str) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    first = conversations.start_conversation(did=did, number="+12125550142", by=house.agent)
    again = conversations.start_conversation(did=did, number=typed, by=house.agent)
    assert again == first
    assert (first.number, first.team, first.assignee) == ("+12125550142", house.sales, house.agent)
    assert Contact.objects.get().number == "+12125550142"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("hello", "This is not a telephone number."),
        ("555", "This number is too short."),
        ("(312) 555-0001", "(312) 555-0001 is one of your own DIDs."),
        ("800 555 0100", "(800) 555-0100 is toll-free, and a business cannot text another toll-free number."),
    ],
)
def test_a_number_that_cannot_be_texted_is_refused_with_a_sentence(house: House, typed: str, sentence: str) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    with pytest.raises(ConversationRefused) as refused:
        conversations.start_conversation(did=did, number=typed, by=house.agent)
    assert refused.value.sentence == sentence
    assert refused.value.help
    assert not Conversation.objects.exists()
    assert not Contact.objects.exists()


def test_a_closed_thread_is_reopened_by_starting_it_again(house: House, thread: Conversation) -> None:
    conversations.close(conversation=thread, by=house.agent)
    again = conversations.start_conversation(did=thread.did, number=thread.number, by=house.agent)
    assert (again.pk, again.state, again.assignee) == (thread.pk, "open", house.agent)


def test_an_agent_does_not_slip_into_the_hidden_thread_of_a_colleague(house: House, thread: Conversation) -> None:
    colleague = add_member(house.organization, Role.AGENT, house.sales, email="colleague@north.example")
    Conversation.objects.update(assignee=colleague)
    house.sales.own_threads_only = True
    house.sales.save()
    with pytest.raises(ConversationRefused, match="Somebody else already texts"):
        conversations.start_conversation(did=thread.did, number=thread.number, by=house.agent)
    thread.refresh_from_db()
    assert thread.assignee == colleague


# --- Read ---


def test_reading_counts_for_that_person_and_tells_only_their_screens(house: House, thread: Conversation) -> None:
    hear(thread, "Hello")
    assert conversations.mark_read(conversation=thread, by=house.agent) is True
    assert list(ReadMark.objects.values_list("membership", "heard")) == [(house.agent.pk, 1)]
    assert published() == [(f"user:{house.agent.user_id}", "inbox", [thread.pk])]


def test_reading_twice_says_nothing_new_and_never_goes_back(house: House, thread: Conversation) -> None:
    old_page = Conversation.objects.get(pk=thread.pk)
    hear(thread, "Hello")
    hear(thread, "Anybody there?")
    conversations.mark_read(conversation=thread, by=house.agent)
    LiveEvent.objects.all().delete()
    old_page.heard = 1
    assert conversations.mark_read(conversation=old_page, by=house.agent) is False
    assert conversations.mark_read(conversation=thread, by=house.agent) is False
    assert ReadMark.objects.get().heard == 2
    assert published() == []


def test_a_thread_without_a_customers_text_needs_no_mark(house: House, thread: Conversation) -> None:
    assert conversations.mark_read(conversation=thread, by=house.agent) is False
    assert not ReadMark.objects.exists()


# --- Assign, close, reopen ---


def test_a_supervisor_hands_a_thread_to_an_agent(house: House, thread: Conversation) -> None:
    assert conversations.assign(conversation=thread, to=house.agent, by=house.supervisor) is True
    thread.refresh_from_db()
    assert thread.assignee == house.agent
    note = ThreadNote.objects.get()
    assert (note.kind, note.by) == ("assigned", house.supervisor.user)
    assert note.text == "supervisor@north.example assigned this to agent@north.example"
    event = AuditEvent.objects.get()
    assert (event.action, event.by) == ("messaging.thread.assigned", house.supervisor.user)
    assert event.data == {"conversation": thread.pk, "to": house.agent.pk, "given_to": "agent@north.example"}
    team = f"team:{house.sales.pk}"
    assert published() == [(team, "thread", [thread.pk]), (team, "inbox", [thread.pk])]


def test_an_agent_takes_and_puts_back(house: House, thread: Conversation) -> None:
    conversations.assign(conversation=thread, to=house.agent, by=house.agent)
    conversations.assign(conversation=thread, to=None, by=house.agent)
    assert list(ThreadNote.objects.order_by("id").values_list("text", flat=True)) == [
        "agent@north.example took this over",
        "agent@north.example put this back for the team",
    ]


def test_assigning_to_who_has_it_already_changes_nothing(house: House, thread: Conversation) -> None:
    conversations.assign(conversation=thread, to=house.agent, by=house.agent)
    assert conversations.assign(conversation=thread, to=house.agent, by=house.agent) is False
    assert ThreadNote.objects.count() == 1


@pytest.mark.parametrize("role", ["dialer_admin", "compliance_admin", "second_agent"])
def test_nobody_is_given_a_thread_they_could_not_answer(house: House, thread: Conversation, role: str) -> None:
    with pytest.raises(ConversationRefused, match="cannot answer this conversation"):
        conversations.assign(conversation=thread, to=getattr(house, role), by=house.supervisor)
    thread.refresh_from_db()
    assert thread.assignee is None
    assert not AuditEvent.objects.exists()


def test_nobody_of_another_organization_is_given_a_thread(
    house: House, other_house: House, thread: Conversation
) -> None:
    with pytest.raises(ConversationRefused):
        conversations.assign(conversation=thread, to=other_house.owner, by=house.owner)


@pytest.mark.parametrize("count", [1, 7])
def test_threads_of_somebody_who_left_are_their_teams_again(
    house: House, django_assert_num_queries: Any, count: int
) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    threads = [make_thread(did, f"+1212555{2000 + number}", assignee=house.agent) for number in range(count)]
    other = make_thread(did, "+12125559999", assignee=house.supervisor)
    house.agent.is_active = False
    LiveEvent.objects.all().delete()
    with django_assert_num_queries(8):  # six, and the savepoint's two
        assert conversations.let_go(house.agent, by=house.owner.user) == count
    notes = ThreadNote.objects.order_by("conversation").values_list("conversation", "kind", "text", "by")
    sentence = "agent@north.example can no longer answer this; it is the team's again"
    assert list(notes) == [(thread.pk, "assigned", sentence, house.owner.user_id) for thread in threads]
    assert list(Conversation.objects.filter(assignee=None).order_by("pk")) == threads
    assert Conversation.objects.get(assignee=house.supervisor) == other
    events = AuditEvent.objects.filter(action="messaging.thread.assigned").order_by("pk")
    assert [(event.subject, event.by, event.data) for event in events] == [
        (thread.number, house.owner.user, {"conversation": thread.pk, "to": None, "given_to": "nobody"})
        for thread in threads
    ]
    assert {pk for _, _, refs in published() for pk in refs} == {thread.pk for thread in threads}
    assert conversations.let_go(house.agent, by=house.owner.user) == 0


def test_only_threads_that_are_out_of_reach_are_let_go(house: House) -> None:
    house.supervisor.teams.set([house.sales, house.support])
    sales = make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550142")
    support = make_thread(make_did(house.organization, "+13125550002", house.support), "+12125550142")
    nobodys = make_thread(make_did(house.organization, "+13125550003", None), "+12125550142")
    Conversation.objects.update(assignee=house.supervisor)
    house.supervisor.teams.set([house.support])
    assert conversations.let_go(house.supervisor, by=house.owner.user) == 2
    assert list(Conversation.objects.filter(assignee=house.supervisor)) == [support]
    assert set(Conversation.objects.filter(assignee=None)) == {sales, nobodys}
    house.supervisor.role = Role.DIALER_ADMIN  # who answers nobody
    assert conversations.let_go(house.supervisor, by=house.owner.user) == 1
    Conversation.objects.update(assignee=house.owner)
    assert conversations.let_go(house.owner, by=house.owner.user) == 0


@pytest.mark.parametrize("move", ["close", "assign"])
def test_an_agent_leaves_the_threads_of_others_alone(house: House, thread: Conversation, move: str) -> None:
    colleague = add_member(house.organization, Role.AGENT, house.sales, email="colleague@north.example")
    Conversation.objects.update(assignee=colleague)
    moves = {
        "close": lambda: conversations.close(conversation=thread, by=house.agent),
        "assign": lambda: conversations.assign(conversation=thread, to=house.agent, by=house.agent),
    }
    with pytest.raises(ConversationRefused, match="This conversation is assigned to colleague@north.example."):
        moves[move]()
    thread.refresh_from_db()
    assert (thread.state, thread.assignee) == ("open", colleague)


def test_closing_ends_the_wait_for_everybody(house: House, thread: Conversation) -> None:
    hear(thread, "Thank you, that is all")
    assert conversations.close(conversation=thread, by=house.agent) is True
    thread.refresh_from_db()
    assert (thread.state, thread.waiting_since, thread.heard, thread.heard_answered) == ("closed", None, 1, 1)
    assert conversations.close(conversation=thread, by=house.agent) is False
    assert AuditEvent.objects.get().action == "messaging.thread.closed"


def test_reopening(house: House, thread: Conversation) -> None:
    conversations.close(conversation=thread, by=house.agent)
    assert conversations.reopen(conversation=thread, by=house.agent) is True
    assert conversations.reopen(conversation=thread, by=house.agent) is False
    thread.refresh_from_db()
    assert thread.state == "open"
    assert list(ThreadNote.objects.order_by("id").values_list("kind", flat=True)) == ["closed", "reopened"]


# --- Name, move ---


def test_a_name_shows_in_all_threads_of_the_person(house: House, thread: Conversation) -> None:
    sister = make_thread(make_did(house.organization, "+13125550002", house.support), thread.number)
    conversations.name_contact(conversation=thread, name="Blue Door Bakery", by=house.agent)
    assert Contact.objects.get().name == "Blue Door Bakery"
    event = AuditEvent.objects.get()
    assert (event.action, event.data) == ("messaging.contact.named", {"contact": thread.contact_id})
    assert sorted(published()) == sorted(
        (f"team:{team.pk}", kind, [one.pk])
        for one, team in ((thread, house.sales), (sister, house.support))
        for kind in ("thread", "inbox")
    )


def test_the_same_name_again_is_no_news(house: House, thread: Conversation) -> None:
    conversations.name_contact(conversation=thread, name="", by=house.agent)
    assert not AuditEvent.objects.exists()
    assert published() == []


def test_a_thread_follows_its_did_to_the_new_team(house: House, thread: Conversation) -> None:
    Conversation.objects.update(assignee=house.agent)
    thread.did.team = house.support
    thread.did.save()
    assert conversations.move_to_did_team(thread) is True
    thread.refresh_from_db()
    assert (thread.team, thread.assignee) == (house.support, None)
    assert ThreadNote.objects.get().text == "Moved with its DID to Support"
    assert published()[0] == (f"team:{house.sales.pk}", "inbox", [thread.pk])
    assert (f"team:{house.support.pk}", "thread", [thread.pk]) in published()
    assert conversations.move_to_did_team(thread) is False


def test_an_assignee_who_is_in_the_new_team_too_keeps_the_thread(house: House, thread: Conversation) -> None:
    house.agent.teams.add(house.support)
    Conversation.objects.update(assignee=house.agent)
    thread.did.team = house.support
    thread.did.save()
    conversations.move_to_did_team(thread)
    thread.refresh_from_db()
    assert (thread.team, thread.assignee) == (house.support, house.agent)
