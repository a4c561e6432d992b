"""`manage.py bench`: figures with their ceiling, on scratch data that leaves nothing behind."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import psycopg
import pytest
import redis
from django.core.management import CommandError, call_command

from portal.benches import BENCHES, load, scratch
from portal.benches.result import Result, at_least, at_least_share, at_most, percentile
from portal.benches.scratch import NoScratch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="reads /proc")


def share(value: float, ceiling: float, **more: float) -> Result:
    return at_least_share(0.5, name="outbound", value=value, unit="texts/s", ceiling=ceiling, **more)


def test_a_share_of_the_ceiling_is_judged() -> None:
    line = json.loads(share(1_700, 3_400, usual_ceiling=3_400).line())
    assert line == {
        "name": "outbound", "value": 1_700, "unit": "texts/s", "ceiling": 3_400, "ratio": 0.5, "target": 0.5,
        "judged": "ratio", "met": True, "detail": {},
    }  # fmt: skip
    assert json.loads(share(1_699, 3_400).line())["met"] is False


def test_a_low_ceiling_makes_the_run_invalid() -> None:
    assert share(1_700, 2_380, usual_ceiling=3_400).is_valid
    line = json.loads(share(1_700, 2_379, usual_ceiling=3_400).line())
    assert line["met"] is None
    assert line["detail"] == {"invalid": "The ceiling is below 70% of 3400: the machine is busy."}


def test_limits_are_met_exactly() -> None:
    assert at_most(25, name="inbox", value=25.0, unit="ms").met
    assert not at_most(25, name="inbox", value=25.1, unit="ms").met
    assert at_least(10, name="gate", value=10, unit="/s").met
    assert not at_least(10, name="gate", value=9.9, unit="/s").met
    assert json.loads(at_most(25, name="inbox", value=1 / 3, unit="ms").line())["value"] == 0.3333


@pytest.mark.parametrize(("of", "value"), [(0.5, 2), (0.95, 4), (0.99, 4), (0.25, 1), (1.0, 4)])
def test_percentiles_by_rank(of: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], of) == value


def test_an_unknown_name_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match=r"^There is no bench 'nothing'\. Known: outbound, scale, ") as failed:
        call_command("bench", "nothing")
    assert failed.value.returncode == 2
    with pytest.raises(CommandError, match=r"^--size takes a number above 0\.$"):
        call_command("bench", "gate", "--size", "0")


def test_every_bench_can_be_imported_and_run() -> None:
    from importlib import import_module

    assert all(callable(import_module(module).run) for module in BENCHES.values())


PHRASES = [
    {"text": "stop", "label": "revoke", "set": "a"},
    {"text": "I need to cancel", "label": "revoke", "set": "a"},
    {"text": "na ja", "label": "revoke", "set": "b"},
    {"text": "quit texting me", "label": "review", "set": "b"},
    {"text": "not interested", "label": "keep"},
    {"text": "ok thanks", "label": "keep"},
]


def of_phrases(tmp_path: Path, content: str) -> str:
    (tmp_path / "phrases.json").write_text(content)
    out = StringIO()
    call_command("bench", "optout", str(tmp_path / "phrases.json"), stdout=out)
    return out.getvalue()


def test_opt_outs_are_told_from_labelled_phrases(tmp_path: Path) -> None:
    [line] = of_phrases(tmp_path, json.dumps({"phrases": PHRASES})).splitlines()
    whole = {"phrases": 6, "precision": 0.5, "recall": 0.3333, "recall_with_review": 0.6667, "review_rate": 0.5}
    of_a = {"phrases": 2, "precision": 1.0, "recall": 0.5, "recall_with_review": 1.0, "review_rate": None}
    of_b = {"phrases": 2, "precision": 0.0, "recall": 0.0, "recall_with_review": 0.0, "review_rate": None}
    assert json.loads(line) == {"name": "optout", **whole, "met": False, "sets": {"a": of_a, "b": of_b}}


def test_the_projects_own_phrases_meet_the_targets() -> None:
    out = StringIO()
    call_command("bench", "optout", stdout=out)
    figures = json.loads(out.getvalue())
    assert figures["phrases"] > 1_500
    assert figures["met"], figures
    assert figures["review_rate"] < 0.35
    assert figures["sets"]["ordinary"]["review_rate"] <= 0.01


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON: "),
        ("[]", "holds no phrases: "),
        ('{"phrases": []}', "holds no phrases: "),
        ('{"phrases": [{"label": "keep"}]}', "phrase 1 has no text."),
        ('{"phrases": [{"text": "a", "label": "no"}]}', "phrase 1 needs a label: revoke, review, keep."),
    ],
)
def test_a_bad_file_of_phrases_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(CommandError) as failed:
        of_phrases(tmp_path, content)
    assert sentence in str(failed.value)
    assert failed.value.returncode == 1


def test_a_missing_file_of_phrases_and_too_many() -> None:
    with pytest.raises(CommandError, match=r"^nowhere\.json cannot be read: No such file or directory\.$"):
        call_command("bench", "optout", "nowhere.json")
    with pytest.raises(CommandError, match=r"^bench optout takes one FILE") as failed:
        call_command("bench", "optout", "a", "b")
    assert failed.value.returncode == 2


def test_a_request_is_a_whole_post() -> None:
    assert load.post("/hooks/", b"{}", {"x-a": "1"}) == (
        b"POST /hooks/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nx-a: 1\r\n\r\n{}"
    )


def test_a_scratch_environment_is_the_operators_with_other_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    before = dict(os.environ)
    with scratch.environment() as environ:
        folder = Path(environ["PORTAL_DATA_DIR"])
        assert folder.is_dir()
        assert folder != Path(before.get("PORTAL_DATA_DIR", ""))
        assert environ["PORTAL_SECRET_KEY"] != before["PORTAL_SECRET_KEY"]
        assert len({environ[name] for name in scratch.PORTS}) == 3
        assert environ["PORTAL_PRIVATE_HOSTS"] == f"127.0.0.1:{environ['BENCH_PEER_PORT']}"
    assert not folder.exists()
    assert dict(os.environ) == before


def test_a_server_that_cannot_be_reached_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    with pytest.raises(NoScratch, match="^No scratch database could be made"), scratch.environment():
        pytest.fail("there is no such server")


def test_measures_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    databases, taken = _databases(), _taken(monkeypatch)
    out = StringIO()
    call_command("bench", "gate", "--size", "1000", stdout=out)
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["name"], line["unit"], line["target"]) == ("gate", "judgements/s", 10_000)
    assert line["value"] > 0
    assert (line["detail"]["judged"], line["detail"]["refused"]) == (1_000, 50)
    assert line["detail"]["queries_a_batch"] <= 8
    assert _databases() == databases
    assert len(taken) == bool(os.environ.get("REDIS_URL"))
    assert [redis.Redis.from_url(place).dbsize() for place in taken] == [0] * len(taken)


def _databases() -> set[str]:
    """Bench databases on the server, where there is one."""
    if not (url := os.environ.get("DATABASE_URL")):
        return set()
    with psycopg.connect(url) as server:
        return {name for (name,) in server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'bench_%'")}


def _taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the bench keeps its keys, noted as it chooses; other tests use other databases of the same server."""
    places: list[str] = []
    choose = scratch._redis

    @contextmanager
    def noting(url: str) -> Iterator[str]:
        with choose(url) as place:
            places.append(place)
            yield place

    monkeypatch.setattr(scratch, "_redis", noting)
    return places
