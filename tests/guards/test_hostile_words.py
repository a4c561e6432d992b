"""Whatever somebody writes into an address or a form, the answer is a page: nothing breaks on it."""

import pytest

from tests.messaging.threads import make_did, make_thread
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
WORDS = {"beyond any id": "9" * 20, "beyond any number": "9" * 5_000, "other digits": "٣", "NUL": "\0", "minus": "-1"}


def requests(word: str, did: int, thread: int, team: int, account: str) -> list[tuple[str, str, dict[str, object]]]:
    return [
        ("get", "/north/dids/", dict.fromkeys(("pick", "page", "team", "trunk", "state", "q"), word)),
        ("get", "/north/inbox/", {"did": word, "cursor": f"{word}.{word}", "q": word, "folder": word}),
        ("get", "/north/inbox/new/", {"from": word, "to": word, "did_q": word}),
        ("get", f"/north/inbox/{thread}/", {"before": word}),
        ("get", "/north/audit/", {"before": word, "who": word, "what": word}),
        ("get", f"/north/carriers/{account}/webhooks/", {"before": word, "show": word}),
        ("post", f"/north/carriers/{account}/webhooks/again/", {"show": word}),
        ("get", "/north/opt-outs/", {"q": word, "page": word}),
        ("get", "/north/opt-outs/review/", {"page": word}),
        ("post", "/north/dids/act/", {"act": "assign", "pick": word, "assign_to": word}),
        ("post", "/north/dids/act/", {"act": "assign", "pick": did, "assign_to": word}),
        ("post", "/north/dids/act/", {"act": "assign", "pick": did, "assign_to": f"{team}:{word}"}),
        ("post", "/north/dids/act/", {"act": "trunk", "pick": did, "trunk": word}),
        ("post", "/north/dids/act/", {"act": "text-off", "all": "1", "filter": f"team={word}&q={word}", "did": word}),
        ("post", "/north/inbox/new/", {"did": word, "number": word, "body": "Hello", "key": word}),
        ("post", f"/north/inbox/{thread}/reply/", {"body": word, "key": word}),
        ("post", f"/north/inbox/{thread}/assign/", {"to": word}),
        ("post", f"/north/inbox/{thread}/name/", {"name": word}),
        ("post", "/north/opt-outs/new/", {"number": word, "why": word}),
        ("get", "/north/holds/new/", {"number": word, "our_number": word}),
        ("get", "/north/holds/", {"page": word}),
        ("post", "/north/holds/new/", {"scope": "person", "number": word, "reason": word}),
        ("post", "/north/holds/new/", {"scope": word, "number": word, "our_number": word, "reason": word}),
        ("post", "/north/retention/change/", dict.fromkeys(("text_days", "webhook_days", "below_law_why"), word)),
        ("post", "/me/", {"name": word, "time_zone": word}),
    ]


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_no_word_breaks_a_page(house: House, word: str) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    thread = make_thread(did)
    client = sign_in(house.owner)
    for method, address, fields in requests(word, did.pk, thread.pk, house.sales.pk, str(did.account_id)):
        assert getattr(client, method)(address, fields).status_code in (200, 302, 404, 422), address


@pytest.mark.parametrize("address", ["http://[", f"http://testserver/north/inbox/{'9' * 30}/", "//x", "\x01"])
def test_no_address_of_a_browser_breaks_the_list(house: House, address: str) -> None:
    headers = {"HX-Request": "true", "HX-Target": "list", "HX-Current-URL": address}
    assert sign_in(house.agent).get("/north/inbox/", headers=headers).status_code == 200
