"""What the sandbox took it keeps, also when it is killed; what nobody heard it tells again."""

from pathlib import Path
from typing import Any

from tests.portal.sandbox.process import CUSTOMER, DID, Listener, Running, sandbox, until


def account(running: Running, **more: Any) -> str:
    return str(running.account(id="a", numbers=[{"number": DID, "enabled": True}], **more)["api_key"])


def send(running: Running, key: str, reference: str, **more: Any) -> str:
    content = {"from": DID, "to": CUSTOMER, "text": "Hello", "client_reference": reference, **more}
    status, answer, _ = running.ask("POST", "/v1/messages", content, key=key)
    assert status == 202
    return str(answer["data"]["id"])


def test_a_killed_program_has_forgotten_nothing_it_answered(tmp_path: Path) -> None:
    with sandbox(tmp_path) as first:
        key = account(first)
        made = [send(first, key, f"r{number}") for number in range(50)]
        first.text_from_customer(DID, CUSTOMER, "STOP")
        first.kill()
    with (tmp_path / "sandbox.jsonl").open("ab") as log:
        log.write(b'{"kind": "text", "id": "txt_half')  # the crash came in the middle of a line
    with sandbox(tmp_path) as second:
        taken = second.ask("GET", "/v1/accepted", key=key)[1]["data"]
        assert [row["id"] for row in taken] == made
        last = send(second, key, "after")
        assert second.ask("GET", "/stats", key=key)[1]["after_stop"] == [last]
    with sandbox(tmp_path) as third:
        assert third.ask("GET", "/v1/messages?client_reference=after", key=key)[1]["data"][0]["id"] == last


def test_a_portal_that_is_down_hears_it_later(tmp_path: Path, heard: Listener) -> None:
    heard.status = 503
    with sandbox(tmp_path) as first:
        key = account(first, webhook_url=heard.url)
        made = send(first, key, "r1", webhook_url=heard.url)
        sent = first.text_from_customer(DID, CUSTOMER, "Hello?")
        until(lambda: len(heard.webhooks) >= 8)
        first.stop()
    assert first.process.returncode == 0
    heard.webhooks.clear()
    heard.status = 200
    wanted = {f"{made}.0", f"{made}.1", f"{made}.2", sent["id"]}
    with sandbox(tmp_path) as second:
        until(lambda: {event["id"] for event in heard.events()} == wanted)
        until(lambda: second.ask("GET", "/stats")[1]["callbacks"]["waiting"] == 0)
    heard.webhooks.clear()
    with sandbox(tmp_path) as third:  # what was taken is not told again
        assert third.ask("GET", "/stats")[1]["callbacks"] == {"waiting": 0}
    assert heard.webhooks == []


def test_no_callbacks_means_none(tmp_path: Path, heard: Listener) -> None:
    with sandbox(tmp_path, "--no-callbacks") as running:
        key = account(running, webhook_url=heard.url)
        made = send(running, key, "r1", webhook_url=heard.url)
        running.text_from_customer(DID, CUSTOMER, "Hello?")
        path = f"/v1/messages/{made}"
        until(lambda: running.ask("GET", path, key=key)[1]["data"]["status"] == "delivered")
        assert running.ask("GET", "/stats")[1]["callbacks"] == {"waiting": 0}
    assert heard.webhooks == []


def test_accounts_of_a_file_are_there_at_start(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    file.write_text('[{"id": "demo", "api_key": "demo-key", "numbers": ["+13125550100"]}]')
    with sandbox(tmp_path, "--accounts", str(file)) as running:
        assert running.ask("GET", "/v1/account", key="demo-key")[1]["data"]["id"] == "demo"


def test_the_operator_token_is_for_the_owner_alone(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        assert (tmp_path / "sandbox.secret").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "sandbox.jsonl").stat().st_mode & 0o777 == 0o600
