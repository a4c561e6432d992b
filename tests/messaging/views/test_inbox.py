"""The list of conversations."""

import pytest
from django.test import Client

from messaging.models import Conversation
from tests.messaging.threads import hear, make_did, make_thread, say
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
LIST = {"HX-Request": "true", "HX-Target": "list"}


@pytest.fixture
def thread(house: House) -> Conversation:
    did = make_did(house.organization, "+13125550001", house.sales, label="Front desk")
    thread = make_thread(did, "+12125550142", name="Harbor Dental")
    hear(thread, "Are you open on Sunday?")
    return thread


def get(client: Client, path: str = "/north/inbox/", **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("role", "status"),
    [("owner", 200), ("supervisor", 200), ("agent", 200), ("compliance_admin", 200), ("dialer_admin", 403)],
)
def test_who_may_open_it(house: House, role: str, status: int) -> None:
    assert sign_in(house.member(role)).get("/north/inbox/").status_code == status


def test_strangers_are_not_told_that_it_exists(house: House, other_house: House) -> None:
    assert sign_in(other_house.owner).get("/north/inbox/").status_code == 404
    response = Client().get("/north/inbox/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/north/inbox/")


def test_a_row_tells_who_what_and_what_is_owed(house: House, thread: Conversation) -> None:
    page = get(sign_in(house.agent))
    assert "<title>(1) Inbox · North Calls</title>" in " ".join(page.split())
    for words in ("Harbor Dental", "Are you open on Sunday?", "Front desk", f'href="/north/inbox/{thread.pk}/"'):
        assert words in page
    assert '<span class="count is-accent">1<span class="sr-only"> unread</span></span>' in page


def test_the_fragment_is_the_list_and_the_folders_alone(house: House, thread: Conversation) -> None:
    part = get(sign_in(house.agent), **LIST)
    assert "<html" not in part
    assert part.lstrip().startswith('<div id="list"')
    assert 'id="folders" data-unread="1" hx-swap-oob="true"' in part
    assert "thread-pane" not in part


def test_both_answers_vary_and_are_not_kept(house: House) -> None:
    client = sign_in(house.agent)
    for headers in ({}, LIST):
        response = client.get("/north/inbox/", headers=headers)
        assert {"HX-Request", "HX-Target"} <= {name.strip() for name in response["Vary"].split(",")}
        assert response["Cache-Control"] == "no-store"


def test_a_history_restore_gets_the_page(house: House) -> None:
    headers = LIST | {"HX-History-Restore-Request": "true"}
    assert "<html" in get(sign_in(house.agent), **headers)


def test_the_fragment_marks_the_thread_that_is_open_beside_it(house: House, thread: Conversation) -> None:
    url = f"http://testserver/north/inbox/{thread.pk}/"
    part = get(sign_in(house.agent), **LIST, **{"HX-Current-URL": url})
    assert f'id="conv-{thread.pk}" href="/north/inbox/{thread.pk}/" aria-current="true"' in part
    elsewhere = get(sign_in(house.agent), **LIST, **{"HX-Current-URL": "http://testserver/nowhere/"})
    assert 'aria-current="true"' not in elsewhere


def test_folder_and_search_stay_in_the_links(house: House, thread: Conversation) -> None:
    page = get(sign_in(house.agent), "/north/inbox/?folder=waiting")
    assert f'href="/north/inbox/{thread.pk}/?folder=waiting"' in page
    assert "Harbor Dental" not in get(sign_in(house.agent), "/north/inbox/?folder=closed")
    assert "Harbor Dental" in get(sign_in(house.agent), "/north/inbox/?q=0142")


@pytest.mark.parametrize("query", ["?folder=nonsense", "?did=x", "?did=99999999999999999999", "?cursor=..", "?q=%00"])
def test_nonsense_in_the_address_does_no_harm(house: House, thread: Conversation, query: str) -> None:
    assert "Harbor Dental" in get(sign_in(house.agent), f"/north/inbox/{query}")


def test_the_rest_is_a_link_away(house: House) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    for _ in range(51):
        make_thread(did)
    first = Conversation.objects.order_by("-last_at", "-id")
    page = get(sign_in(house.agent))
    cursor = f"1772474400000000.{first[49].pk}"
    assert f'href="/north/inbox/?cursor={cursor}"' in page
    older = get(sign_in(house.agent), f"/north/inbox/?cursor={cursor}")
    assert older.count('<a class="conv') == 1
    assert "Older conversations." in older


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "Texts to your DIDs appear here."),
        ("?folder=unread", "All caught up"),
        ("?folder=mine", "Nothing is yours yet"),
        ("?folder=closed", "Nothing closed yet"),
        ("?q=nobody", "No name or number matches."),
    ],
)
def test_an_empty_list_says_what_belongs_there(house: House, query: str, words: str) -> None:
    assert words in get(sign_in(house.agent), f"/north/inbox/{query}")


def test_names_and_texts_are_words_and_never_markup(house: House) -> None:
    did = make_did(house.organization, "+13125550001", house.sales, label="<i>desk</i>")
    thread = make_thread(did, name='<img src=x onerror="alert(1)">')
    hear(thread, "<script>alert(1)</script>")
    page = get(sign_in(house.agent))
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for markup in ("<img src=x", "<script>alert", "<i>desk"):
        assert markup not in page


@pytest.mark.parametrize("rows", [1, 40])
def test_the_whole_page_costs_five_queries(house: House, django_assert_num_queries: object, rows: int) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    for n in range(rows):
        thread = make_thread(did, name=f"Customer {n}", assignee=house.supervisor)
        hear(thread, "Hello")
        say(thread, "Hi", state="failed")
    client = sign_in(house.agent)
    # session, user with memberships and teams; rows, counts, DIDs
    with django_assert_num_queries(5):  # type: ignore[operator]
        assert client.get("/north/inbox/").status_code == 200
