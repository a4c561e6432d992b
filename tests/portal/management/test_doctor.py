"""What `doctor` finds, each by making the trouble and mending it again."""

import json
import os
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging import health, lookups, tasks
from messaging.models import (
    Attempt,
    Delivery,
    DiscardedFile,
    Heartbeat,
    Lane,
    Message,
    ParkedText,
    Receipt,
    RefusedDelivery,
    RetentionRun,
    State,
)
from portal import doctor
from portal.clock import database_now
from portal.doctor import Finding, Level, Look, findings, ground, rows
from portal.models import Organization
from tests.messaging.threads import make_account, make_did, make_thread, say
from tests.people import House
from tests.trunks.makers import make_account as make_carrier
from trunks.models import CarrierAccount, Did, TextState


@pytest.fixture
def quiet(house: House, settings: Any, tmp_path: Path) -> House:
    """A portal at rest in which nothing is wrong."""
    settings.DATA_DIR = tmp_path
    settings.BASE_DIR = tmp_path
    settings.REDIS_URL = ""
    settings.EMBEDDED = True
    health.beat(health.TICK, timezone.now())
    health.beat(health.UPKEEP, timezone.now())
    make_did(house.organization, "+13125550100", house.sales)
    lately = before(minutes=5)
    CarrierAccount.objects.update(checked_at=lately, last_sent_at=lately, last_heard_at=lately)
    return house


def problems() -> list[tuple[str, str]]:
    return [(one.subject, one.sentence) for one in doctor.examine() if one.level == Level.PROBLEM]


def notes() -> list[tuple[str, str]]:
    return [(one.subject, one.sentence) for one in doctor.examine() if one.level == Level.NOTE]


def waits() -> list[tuple[str, str]]:
    return [(one.subject, one.sentence) for one in doctor.examine() if one.level == Level.WAITING]


def before(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def test_a_portal_at_rest_is_well(quiet: House) -> None:
    out = StringIO()
    call_command("doctor", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "ok       storage: Pictures can be stored."
    assert lines[-2:] == [
        "ok       tick: Beat and a worker of the queue `upkeep` are alive.",
        "ok       carrier Sandbox of north: sent 5 min ago; heard 5 min ago.",
    ]
    assert (problems(), notes(), waits()) == ([], [], [])


def test_problems_are_the_exit_status_and_json_is_the_same_list(quiet: House) -> None:
    Heartbeat.objects.update(at=before(minutes=3))
    out = StringIO()
    with pytest.raises(CommandError, match=r"^1 problem found\.$") as failed:
        call_command("doctor", "--json", stdout=out)
    assert failed.value.returncode == 1
    assert [one for one in json.loads(out.getvalue()) if one["level"] == "problem"] == [
        {
            "level": "problem",
            "subject": "tick",
            "sentence": "The tick of a second last came 3 min ago: beat or the worker is down.",
            "help": "Start `up`; in production start the worker and beat, both are needed.",
        }
    ]


def test_a_tick_that_never_came(quiet: House) -> None:
    Heartbeat.objects.all().delete()
    assert problems() == [("tick", "The tick of a second has never come: beat or the worker is down.")]


def test_an_upkeep_that_fails_while_the_tick_lives(quiet: House) -> None:
    Heartbeat.objects.filter(task=health.UPKEEP).update(at=before(minutes=4))
    assert problems() == [("upkeep", "The upkeep of each half minute last came 4 min ago.")]
    Heartbeat.objects.filter(task=health.UPKEEP).delete()
    assert (problems(), waits()) == ([], [("upkeep", "The upkeep of each half minute has not come yet.")])


def test_the_workers_tasks_leave_their_heartbeats(quiet: House) -> None:
    Heartbeat.objects.all().delete()
    tasks.tick()
    tasks.upkeep()
    assert set(health.silences(database_now())) == {health.TICK, health.UPKEEP}
    assert (problems(), waits()) == ([], [])


def test_a_loopback_address_is_a_problem_only_for_carriers_in_the_world(quiet: House, settings: Any) -> None:
    settings.PORTAL_PUBLIC_URL = "http://127.0.0.1:8000"
    assert problems() == []
    CarrierAccount.objects.update(base_url="https://api.example.com")
    sentence = "PORTAL_PUBLIC_URL is http://127.0.0.1:8000, where Sandbox of north cannot send webhooks."
    assert problems() == [("public address", sentence)]
    settings.PORTAL_PUBLIC_URL = "https://texts.example.com"
    assert problems() == []
    assert notes() == []


def test_credentials_that_failed(quiet: House) -> None:
    CarrierAccount.objects.update(check_error="The API key is unknown.", checked_at=before(hours=5))
    assert problems() == [
        ("carrier Sandbox of north", "Its credentials failed 5 h ago: The API key is unknown."),
    ]


def test_credentials_stored_with_a_lost_key(quiet: House, settings: Any) -> None:
    settings.PORTAL_SECRET_KEYS = ["b" * 43 + "="]
    assert problems() == [
        (
            "carrier Sandbox of north",
            "The credentials were stored with a key that PORTAL_CREDENTIAL_KEYS lacks.",
        )
    ]


def test_texts_go_out_and_nothing_comes_back(quiet: House) -> None:
    CarrierAccount.objects.update(last_sent_at=before(minutes=5), last_heard_at=before(hours=30))
    sentence = "Texts went out 5 min ago, and its last webhook came 30 h ago."
    assert problems() == [("carrier Sandbox of north", sentence)]
    CarrierAccount.objects.update(last_heard_at=None)
    assert problems()[0][1] == "Texts went out 5 min ago, and it has never sent a webhook."
    CarrierAccount.objects.update(last_heard_at=before(minutes=6))
    assert problems() == []


def test_a_webhook_that_nobody_has_worked_off_was_heard_all_the_same(quiet: House) -> None:
    CarrierAccount.objects.update(last_sent_at=before(minutes=5), last_heard_at=before(hours=30))
    delivery(received_at=before(minutes=4))
    waits = "1 webhook waiting to be worked off, the oldest for 4 min."
    assert problems() == [("webhooks of Sandbox of north", waits)]


def test_refused_webhooks_of_the_last_day(quiet: House) -> None:
    account = CarrierAccount.objects.get()
    RefusedDelivery.objects.create(account=account, why="The request is not signed.", header_names="", body_bytes=3)
    RefusedDelivery.objects.update(at=before(hours=3))
    CarrierAccount.objects.update(refused_webhooks=7)
    sentence = "7 webhooks without proof of who sent it, the last 3 h ago: The request is not signed."
    assert problems() == [("carrier Sandbox of north", sentence)]
    RefusedDelivery.objects.update(at=before(days=2))
    assert problems() == []


def queued(house: House, **fields: Any) -> Message:
    account = make_account(house.organization)
    lane, _ = Lane.objects.get_or_create(account=account, campaign=None)
    message = say(make_thread(Did.objects.get(number="+13125550100")), "Hello", state=State.QUEUED, lane=lane)
    Message.objects.filter(pk=message.pk).update(**fields)
    return message


def test_a_lane_nobody_sends_on(quiet: House) -> None:
    queued(quiet, due_at=before(minutes=4))
    Lane.objects.update(next_slot_at=before(minutes=5))
    assert problems() == [
        ("lane Sandbox of north", "1 due text waiting, the oldest for 4 min. Nothing leaves."),
    ]


def test_a_lane_that_moves_slowly_waits(quiet: House) -> None:
    queued(quiet, due_at=before(minutes=4))
    queued(quiet, due_at=before(minutes=3))
    Lane.objects.update(next_slot_at=timezone.now())
    assert problems() == []
    assert waits() == [("lane Sandbox of north", "2 due texts waiting, the oldest for 4 min.")]


def test_a_closed_lane(quiet: House) -> None:
    queued(quiet, due_at=before(minutes=4))
    Lane.objects.update(paused_until=timezone.now() + timedelta(seconds=30), paused_why="It answers 503.", failures=4)
    ((subject, sentence),) = problems()
    assert subject == "lane Sandbox of north"
    queue = "1 due text waiting, the oldest for 4 min."
    assert sentence in {
        f"Closed for {left} s more, after 4 failures in a row: It answers 503. {queue}" for left in (28, 29)
    }


def test_a_lane_that_has_just_closed_is_a_note(quiet: House) -> None:
    queued(quiet, due_at=before(seconds=5))
    Lane.objects.update(paused_until=timezone.now() + timedelta(seconds=30), paused_why="It answers 429.", failures=1)
    assert problems() == []
    ((_, sentence),) = notes()
    assert sentence.partition(" more, ")[2] == (
        "after 1 failure in a row: It answers 429. 1 due text waiting, the oldest for 5 s."
    )


def test_texts_not_due_yet_are_no_news(quiet: House) -> None:
    queued(quiet, due_at=timezone.now() + timedelta(hours=1))
    assert (problems(), notes(), waits()) == ([], [], [])


def test_unconfirmed_texts_are_looked_up_and_then_a_persons(quiet: House) -> None:
    message = queued(quiet, state=State.UNCONFIRMED)
    Attempt.objects.create(
        message=message, number=1, account=CarrierAccount.objects.get(), state=State.UNCONFIRMED,
        started_at=before(seconds=90),
    )  # fmt: skip
    assert waits() == [("unconfirmed at Sandbox of north", "1 text being looked up, the oldest sent 90 s ago.")]
    Attempt.objects.update(look_ups=lookups.MAX_LOOK_UPS)
    assert problems() == [
        ("unconfirmed at Sandbox of north", "1 text not confirmed, and the carrier was asked in vain.")
    ]


def delivery(**fields: Any) -> Delivery:
    account = CarrierAccount.objects.get(name="Sandbox")
    values = {"account": account, "key": str(Delivery.objects.count()), "url": "", "body": b"{}"} | fields
    return Delivery.objects.create(**values)


def test_webhooks_nobody_works_off(quiet: House) -> None:
    delivery(received_at=before(seconds=10))
    assert problems() == []
    delivery(received_at=before(minutes=10))
    sentence = "2 webhooks waiting to be worked off, the oldest for 10 min."
    assert problems() == [("webhooks of Sandbox of north", sentence)]


def test_webhooks_that_could_not_be_used(quiet: House) -> None:
    done = timezone.now()
    delivery(processed_at=done, error="no list of events", received_at=before(hours=3))
    delivery(processed_at=done, error="no list of events", received_at=before(hours=4))
    delivery(processed_at=done, error=f"{health.UNKNOWN_WORDS}teleported", received_at=before(hours=5))
    delivery(processed_at=done, error="old", received_at=before(days=8))
    subject = "webhooks of Sandbox of north"
    assert problems() == [(subject, "2 webhooks not understood, the last 3 h ago: no list of events.")]
    assert notes() == [(subject, "1 webhook with words unknown here, the last 5 h ago: teleported.")]


def test_texts_to_unknown_dids_and_receipts_of_unknown_texts(quiet: House) -> None:
    account = CarrierAccount.objects.get()
    for carrier_id in ("a", "b"):
        ParkedText.objects.create(
            account=account, carrier_id=carrier_id, to_number="+13125550177", from_number="+12125550123"
        )
    Receipt.objects.create(
        account=account, carrier_id="c", status="sent", word="sent", carrier_at=before(hours=1),
        received_at=before(hours=1),
    )  # fmt: skip
    sentence = "2 texts to (312) 555-0177, which is no DID here."
    assert problems() == [("unknown DID at Sandbox of north", sentence)]
    sentence = "1 receipt of the last day for no text of this portal."
    assert notes() == [("receipts of Sandbox of north", sentence)]


def test_dids_pending_for_long(quiet: House) -> None:
    Did.objects.update(text_state=TextState.PENDING, text_changed_at=before(minutes=20), text_why="It answers 503.")
    sentence = "1 DID waiting for the carrier, the oldest for 20 min. It answers 503."
    assert problems() == [("pending DIDs of Sandbox of north", sentence)]
    Did.objects.update(text_changed_at=before(minutes=5))
    assert problems() == []


def test_secrets_that_others_can_read(quiet: House, tmp_path: Path) -> None:
    keys = tmp_path / "secrets.env"
    keys.write_text("PORTAL_SECRET_KEY=hidden\n")
    keys.chmod(0o600)
    assert problems() == []
    keys.chmod(0o640)
    assert problems() == [("secrets", "secrets.env can be read by other users.")]
    assert "hidden" not in repr(doctor.examine())


def test_pictures_that_cannot_be_stored(quiet: House, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "file" / "media")},
        },
    }
    assert [subject for subject, _ in problems()] == ["storage"]


def test_a_disk_that_fills(quiet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 1_500_000_000
    monkeypatch.setattr(ground.shutil, "disk_usage", lambda path: SimpleNamespace(free=room))
    assert (problems(), notes()) == ([], [("disk", "The disk has 1500 MB left.")])
    room = 150_000_000
    assert (problems(), notes()) == ([("disk", "The disk has 150 MB left.")], [])


def test_a_public_portal_that_shows_its_settings_and_mails_into_a_folder(quiet: House, settings: Any) -> None:
    settings.PORTAL_PUBLIC_URL = "https://texts.example.com"
    settings.DEBUG = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    sentence = "PORTAL_DEBUG is on while the portal has a public address: error pages show settings."
    assert problems() == [("debug", sentence)]
    assert notes() == [("mail", "Mail is written to a folder and reaches nobody.")]


@pytest.mark.postgres
def test_queues_that_no_worker_takes(quiet: House, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # A database of Redis that no other test takes: a worker of theirs would answer.
    settings.REDIS_URL = urlsplit(os.environ["REDIS_URL"])._replace(path="/7").geturl()
    app = Celery("portal", broker=settings.REDIS_URL)
    app.conf.update(task_routes=settings.CELERY_TASK_ROUTES, task_default_queue="upkeep")
    monkeypatch.setattr(ground, "app", app)
    sentence = "No worker takes tasks from: dispatch, media, upkeep, webhooks."
    assert problems() == [("workers", sentence)]


def test_storing_leaves_nothing_behind(quiet: House, settings: Any, tmp_path: Path) -> None:
    place = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(place)}},
    }
    assert problems() == []
    assert list(place.iterdir()) == []


def test_redis_that_cannot_be_reached(quiet: House, settings: Any) -> None:
    settings.REDIS_URL = "redis://:hidden@127.0.0.1:1/0"
    found = [one for one in doctor.examine() if one.subject == "redis"]
    assert [(one.level, one.sentence) for one in found] == [
        (Level.PROBLEM, "Redis cannot be reached (ConnectionError); texts go out up to a second later each.")
    ]
    assert "hidden" not in repr(doctor.examine())


def test_a_server_without_redis(quiet: House, settings: Any) -> None:
    settings.EMBEDDED = False
    assert [subject for subject, _ in problems()] == ["redis"]


def test_a_database_behind_its_code(quiet: House) -> None:
    MigrationRecorder.Migration.objects.filter(app="messaging").order_by("-pk").first().delete()
    found = doctor.examine()
    assert found[-1] == Finding(
        Level.PROBLEM, "database", "1 migration not applied yet.",
        "Run `manage.py migrate`, or start `up`, which does it.",
    )  # fmt: skip


def test_clocks_apart(quiet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "database_now", lambda: timezone.now() + timedelta(seconds=60))
    assert ("clock", "The clocks of this machine and of the database are 60.0 s apart.") in problems()


def test_rows_cost_the_same_however_many(quiet: House) -> None:
    def cost() -> int:
        look = Look(database_now())
        with CaptureQueriesContext(connection) as queries:
            for check in (*rows.OF_SERVER, *rows.OF_ACCOUNTS):
                list(check(look))
        return len(queries)

    queued(quiet, due_at=before(minutes=4))
    delivery(received_at=before(minutes=10))
    first = cost()
    for at in range(5):
        queued(quiet, due_at=before(minutes=4))
        delivery(received_at=before(minutes=10))
        account = make_carrier(quiet.organization, f"Carrier {at}")
        Lane.objects.create(account=account)
        make_did(
            quiet.organization, f"+1312555011{at}", account=account, text_state=TextState.PENDING,
            text_changed_at=before(hours=1),
        )  # fmt: skip
    assert cost() == first


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 days"), (-3, "0 s")],
)
def test_spans_in_one_unit(seconds: int, words: str) -> None:
    assert findings.ago(timedelta(seconds=seconds)) == words


def test_a_retention_rule_that_is_not_run(quiet: House) -> None:
    organization = quiet.organization
    assert problems() == []  # a house of today has had no time yet
    Organization.objects.update(created_at=before(days=4))
    assert problems() == [("retention", "The retention rule of north has never been run to its end.")]
    run = RetentionRun.objects.create(organization=organization, started_at=before(days=4), finished_at=before(days=4))
    assert problems() == [("retention", "The retention rule of north last ended 4 days ago.")]
    run.finished_at = before(days=2)
    run.save()
    assert problems() == []


def test_pictures_that_the_storage_does_not_let_go(quiet: House) -> None:
    row = DiscardedFile.objects.create(organization=quiet.organization, name="attachments/2020/01/01/picture.png")
    assert problems() == []
    DiscardedFile.objects.filter(pk=row.pk).update(at=before(days=2))
    sentence = "1 picture deleted by the retention rule could not be removed from the storage."
    assert problems() == [("retention", sentence)]
