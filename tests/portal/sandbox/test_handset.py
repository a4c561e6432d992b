"""The customer's page, over plain HTTP and in a real browser."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.components import chromium_path
from tests.portal.sandbox.process import CUSTOMER, DID, Listener, Running, until

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_the_page_runs_its_own_script_and_no_other(shared: Running) -> None:
    status, body, headers = shared.raw("GET", "/", None, {})
    assert status == 200
    assert b'id="handset-text"' in body
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert b"<style" not in body
    assert b"http" not in body


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
def test_another_sites_page_cannot_text(shared: Running, account: dict[str, Any], origin: str) -> None:
    headers = {"origin": origin, "content-type": "application/x-www-form-urlencoded"}
    body = f"did={quote(DID)}&text=Hi"
    status, raw, _ = shared.raw("POST", f"/handset/{CUSTOMER}/texts", body, headers)
    assert (status, json.loads(raw)["error"]["code"]) == (403, "foreign_page")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/handset/{CUSTOMER}/texts", "did=%2B13125559999&text=Hi", 404),
        (f"/handset/{CUSTOMER}/texts", f"did={quote(DID)}&text=+", 400),
        ("/handset/me/texts", f"did={quote(DID)}&text=Hi", 400),
    ],
)
def test_what_cannot_be_texted(shared: Running, account: dict[str, Any], path: str, body: str, status: int) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert shared.raw("POST", path, body, kind)[0] == status


def test_a_customers_picture_needs_the_key(shared: Running, account: dict[str, Any], heard: Listener) -> None:
    shared.account(id=account["id"], webhook_url=heard.url)
    boundary = "cut"
    parts = f'--{boundary}\r\ncontent-disposition: form-data; name="did"\r\n\r\n{DID}\r\n'.encode()
    parts += f'--{boundary}\r\ncontent-disposition: form-data; name="picture"; filename="x.png"\r\n'.encode()
    parts += b"content-type: image/png\r\n\r\n" + PNG + f"\r\n--{boundary}--\r\n".encode()
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    assert shared.raw("POST", f"/handset/{CUSTOMER}/texts", parts, kind)[0] == 201
    (media,) = until(lambda: next(iter(heard.events()), None))["data"]["media"]
    assert (media["content_type"], media["size"]) == ("image/png", len(PNG))
    path = media["url"].removeprefix(shared.url)
    assert shared.raw("GET", path, None, {})[0] == 401
    status, content, _ = shared.raw("GET", path, None, {"authorization": f"Bearer {account['api_key']}"})
    assert (status, content) == (200, PNG)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_a_visitor_plays_the_customer(
    shared: Running,
    account: dict[str, Any],
    send: Any,
    heard: Listener,
    browser: Any,
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    from playwright.sync_api import expect

    customer = f"+12015550{width % 1000:03d}"
    shared.account(id=account["id"], webhook_url=heard.url)
    (tmp_path / "cat.png").write_bytes(PNG)
    heard.files["/dog.png"] = ("image/png", PNG)
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(f"{shared.url}/handset/{quote(customer)}?did={quote(DID)}")
    expect(page.locator("#handset-number")).to_have_value(customer)

    evil = "<img src=x onerror=alert(1)> & <b>bold</b>"
    send(account["api_key"], to=customer, text=evil, media_urls=[f"{heard.url}/dog.png"])
    expect(page.locator(".theirs .words")).to_have_text(evil)
    expect(page.locator(".theirs img")).to_have_js_property("naturalWidth", 1)

    page.fill("#handset-text", "On my way")
    page.set_input_files("#handset-picture", tmp_path / "cat.png")
    expect(page.locator("#handset-attached")).to_contain_text("cat.png")
    page.click("#handset-send")
    expect(page.locator(".mine .words")).to_have_text("On my way")
    expect(page.locator(".mine img")).to_have_js_property("naturalWidth", 1)
    expect(page.locator("#handset-text")).to_have_value("")

    page.click("#handset-stop")
    expect(page.locator(".mine .words")).to_have_text(["On my way", "STOP"])
    until(lambda: {event["data"]["text"] for event in heard.events()} == {"On my way", "STOP"})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []
    page.close()
