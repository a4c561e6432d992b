"""A signed-in person's requests over real HTTP."""

import re
import uuid
from collections.abc import Sequence
from urllib.parse import urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from portal.models import Membership
from tests.faults.house import Site
from tests.people import sign_in


class Browser:
    def __init__(self, portal: Site, who: Membership) -> None:
        self.portal = portal
        self.slug = who.organization.slug
        self.cookies = {"sessionid": sign_in(who).cookies["sessionid"].value}

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, pictures: Sequence[bytes] = ()
    ) -> tuple[int, str]:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if pictures:
            files = [SimpleUploadedFile("photo.jpg", picture, "image/jpeg") for picture in pictures]
            headers["content-type"] = MULTIPART_CONTENT
            body = encode_multipart(BOUNDARY, {**(form or {}), "pictures": files})
        elif form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        status, content, answered = self.portal.ask(method, path, body, headers)
        for name, value in answered:
            if name.lower() == "set-cookie":
                cookie, _, worth = value.partition(";")[0].partition("=")
                self.cookies[cookie] = worth
        return status, content.decode()

    def form(self, thread: int) -> dict[str, str]:
        """What the reply form of a thread holds before anybody types: its key and its token."""
        status, page = self.ask("GET", f"/{self.slug}/inbox/{thread}/")
        assert status == 200, page[:2000]
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        key = re.search(r'name="key" value="([0-9a-f]{32})"', page)
        assert found is not None
        assert key is not None
        return {"csrfmiddlewaretoken": found[1], "key": key[1]}

    def reply(self, thread: int, body: str, form: dict[str, str] | None = None) -> int:
        """Post the reply form; each time as a new one unless a form is given. The status."""
        sent = form or {**self._token(thread), "key": uuid.uuid4().hex}
        return self.ask("POST", f"/{self.slug}/inbox/{thread}/reply/", {**sent, "body": body})[0]

    def reply_with(self, thread: int, body: str, *pictures: bytes) -> tuple[int, str]:
        """Post the reply form with pictures; the status and the page."""
        form = {**self._token(thread), "key": uuid.uuid4().hex, "body": body}
        return self.ask("POST", f"/{self.slug}/inbox/{thread}/reply/", form, pictures)

    def _token(self, thread: int) -> dict[str, str]:
        if "csrftoken" not in self.cookies:
            self.form(thread)
        return {"csrfmiddlewaretoken": self.cookies["csrftoken"]}
