"""Pictures are for those who may see the thread."""

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from messaging.models import Attachment
from tests.messaging.threads import hear, make_did, make_thread
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
BYTES = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def attachment(house: House) -> Attachment:
    message = hear(make_thread(make_did(house.organization, "+13125550001", house.sales)), "")
    row = Attachment(
        organization=house.organization, message=message, position=0, state="stored", content_type="image/png"
    )
    row.file.save("picture.png", ContentFile(BYTES))
    return row


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("agent", 200),
        ("supervisor", 200),
        ("owner", 200),
        ("compliance_admin", 200),
        ("second_agent", 404),
        ("dialer_admin", 403),
    ],
)
def test_who_may_see_it(house: House, attachment: Attachment, person: str, status: int) -> None:
    client = sign_in(getattr(house, person))
    assert client.get(f"/north/inbox/attachments/{attachment.pk}/").status_code == status


def test_nobody_else_may(house: House, other_house: House, attachment: Attachment) -> None:
    stranger = sign_in(other_house.owner)
    for slug in ("north", "south"):
        assert stranger.get(f"/{slug}/inbox/attachments/{attachment.pk}/").status_code == 404
    assert Client().get(f"/north/inbox/attachments/{attachment.pk}/").status_code == 302


def test_it_comes_with_its_type_and_stays_private(house: House, attachment: Attachment) -> None:
    response = sign_in(house.agent).get(f"/north/inbox/attachments/{attachment.pk}/")
    assert b"".join(response.streaming_content) == BYTES  # type: ignore[arg-type]
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "private" in response["Cache-Control"]


@pytest.mark.parametrize("state", ["pending", "refused"])
def test_what_is_not_stored_is_not_there(house: House, attachment: Attachment, state: str) -> None:
    Attachment.objects.update(state=state)
    assert sign_in(house.agent).get(f"/north/inbox/attachments/{attachment.pk}/").status_code == 404


def test_a_lost_file_is_not_found(house: House, attachment: Attachment) -> None:
    attachment.file.delete(save=False)
    Attachment.objects.update(file="attachments/gone.png")
    assert sign_in(house.agent).get(f"/north/inbox/attachments/{attachment.pk}/").status_code == 404
