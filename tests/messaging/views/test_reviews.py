"""The review queue and the answers, in the queue and in the thread."""

from typing import Any

import pytest

from compliance.models import Suppression
from messaging import doubts
from messaging.models import Conversation, OptOutDoubt
from tests.messaging.test_doubts import texts
from tests.messaging.threads import make_did
from tests.people import House, sign_in
from trunks.models import Did

pytestmark = pytest.mark.django_db
QUEUE = "/north/opt-outs/review/"


@pytest.fixture
def did(house: House) -> Did:
    return make_did(house.organization, "+13125550001", house.sales)


@pytest.fixture
def doubt(did: Did) -> OptOutDoubt:
    texts(did, "Not interested, thanks")
    return OptOutDoubt.objects.get()


def shown(who: Any, path: str = QUEUE, **headers: str) -> str:
    answer = sign_in(who).get(path, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_queue_shows_words_person_deadline_and_both_answers(house: House, doubt: OptOutDoubt) -> None:
    page = shown(house.supervisor)
    for words in ("Not interested, thanks", "(212) 555-0142", "(312) 555-0001", "Sales", 'value="yes"', 'value="no"'):
        assert words in page
    assert doubt.due_on.isoformat() in page


def test_each_sees_the_queue_of_the_teams_they_see(house: House, doubt: OptOutDoubt) -> None:
    assert "Not interested" in shown(house.owner)
    assert "Not interested" in shown(house.compliance_admin)
    house.supervisor.teams.set([house.support])
    assert "Nothing to review" in shown(house.supervisor)
    answer = sign_in(house.supervisor).post(f"{QUEUE}{doubt.pk}/", {"is": "yes"})
    assert answer.status_code == 404
    assert not Suppression.objects.exists()


def test_yes_in_the_queue_opts_out(house: House, doubt: OptOutDoubt) -> None:
    answer = sign_in(house.compliance_admin).post(f"{QUEUE}{doubt.pk}/", {"is": "yes"})
    assert answer.headers["Location"] == QUEUE
    assert Suppression.objects.get().opt_out.by == house.compliance_admin.user
    assert "Nothing to review" in shown(house.compliance_admin)


def test_no_in_the_queue_lets_go(house: House, doubt: OptOutDoubt) -> None:
    sign_in(house.supervisor).post(f"{QUEUE}{doubt.pk}/", {"is": "no"})
    doubt.refresh_from_db()
    assert (doubt.state, doubt.decided_by, Suppression.objects.count()) == ("no", house.supervisor.user, 0)


def test_no_after_yes_is_told_why_not(house: House, doubt: OptOutDoubt) -> None:
    browser = sign_in(house.supervisor)
    browser.post(f"{QUEUE}{doubt.pk}/", {"is": "yes"})
    page = browser.post(f"{QUEUE}{doubt.pk}/", {"is": "no"}, follow=True).content.decode()
    assert "Only their START or a documented fresh opt-in lifts that." in page
    assert Suppression.objects.count() == 1


def test_the_agent_answers_in_the_thread(house: House, doubt: OptOutDoubt) -> None:
    thread = f"/north/inbox/{doubt.conversation_id}/"
    page = shown(house.agent, thread)
    assert "Is this an opt-out?" in page
    assert "“not interested” may be an opt-out. You can answer; automatic texts wait" in page
    answer = sign_in(house.agent).post(f"{QUEUE}{doubt.pk}/", {"is": "no", "from": "thread"})
    assert answer.headers["Location"] == thread
    page = shown(house.agent, thread)
    assert f"No opt-out, said {house.agent}." in page
    assert "automatic texts wait" not in page
    sign_in(house.agent).post(f"{QUEUE}{doubt.pk}/", {"is": "yes", "from": "thread"})
    assert f"An opt-out, said {house.agent}." in shown(house.agent, thread)
    assert Suppression.objects.count() == 1


def test_an_agent_of_another_team_cannot_answer(house: House, doubt: OptOutDoubt) -> None:
    assert sign_in(house.second_agent).post(f"{QUEUE}{doubt.pk}/", {"is": "yes"}).status_code == 404
    assert not Suppression.objects.exists()


def test_the_count_is_live_and_absent_at_nothing(house: House, doubt: OptOutDoubt) -> None:
    asks = {"HX-Request": "true", "HX-Target": "area-count"}
    assert '<span class="count is-accent">1' in shown(house.supervisor, **asks)
    assert f'hx-get="{QUEUE}"' in shown(house.supervisor, "/north/inbox/")
    doubts.dismiss(doubt=doubt, by=house.supervisor)
    assert shown(house.supervisor, **asks).strip() == ""
    assert f'hx-get="{QUEUE}"' not in shown(house.agent, "/north/inbox/")


@pytest.mark.parametrize("many", [1, 55])
def test_the_queue_costs_the_same_for_many(house: House, did: Did, many: int, django_assert_num_queries: Any) -> None:
    for of_whom in range(many):
        texts(did, "not interested", f"in-{of_whom}", f"+1212555{of_whom:04}")
    browser = sign_in(house.supervisor)
    with django_assert_num_queries(5):
        browser.get(QUEUE)


def test_somebody_who_said_it_on_the_telephone_is_recorded_from_the_thread(house: House, did: Did) -> None:
    texts(did, "hello")
    thread = Conversation.objects.get()
    browser, address = sign_in(house.agent), f"/north/inbox/{thread.pk}/opt-out/"
    browser.post(address, {"why": " "})
    assert not Suppression.objects.exists()
    browser.post(address, {"why": "Said so on the telephone."})
    line = Suppression.objects.get().opt_out
    assert (line.source, line.our_number, line.by, line.why) == (
        "staff", did.number, house.agent.user, "Said so on the telephone.",
    )  # fmt: skip
    assert "They want no more texts" not in shown(house.agent, f"/north/inbox/{thread.pk}/")
