"""`carrier add` and `dids import`."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, load_command_class

from portal.models import AuditEvent
from tests.people import House
from tests.portal.sandbox.process import Running
from tests.trunks.makers import make_account, make_trunk
from trunks.models import CarrierAccount, Did

LIST = "number,label\n3125550100,A\n12,B\n3125550101,C\n"


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def refused(*words: str) -> tuple[str, int]:
    with pytest.raises(CommandError) as error:
        run(*words)
    return str(error.value), error.value.returncode


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    return str(path)


def test_a_dry_run_says_everything_and_writes_nothing(house: House, file: str) -> None:
    Did.objects.create(organization=house.organization, number="+13125550100", label="Old")
    assert run("dids", "import", file, "--org", "north", "--dry-run").splitlines() == [
        "row 2: +13125550100 changed, label: Old -> A",
        "row 3: 12 refused. This number is too short.",
        "1 new, 1 changed, 0 unchanged, 1 refused, 0 not in the file (dry run, nothing written)",
    ]
    assert list(Did.objects.values_list("label", flat=True)) == ["Old"]
    assert AuditEvent.objects.count() == 0


def test_an_import_puts_dids_on_trunk_and_account(house: House, file: str) -> None:
    account, trunk = make_account(house.organization, "Main"), make_trunk(house.organization)
    out = run("dids", "import", file, "--org", "north", "--account", "main", "--trunk", "Chicago")
    assert out.splitlines()[-1] == "2 new, 0 changed, 0 unchanged, 1 refused, 0 not in the file"
    assert set(Did.objects.values_list("number", "account", "trunk")) == {
        ("+13125550100", account.pk, trunk.pk), ("+13125550101", account.pk, trunk.pk),
    }  # fmt: skip


def test_one_sentence_when_it_cannot_be_done(house: House, file: str, tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    assert refused("dids", "import", file, "--org", "west") == ("There is no organization 'west'.", 1)
    assert refused("dids", "import", str(missing), "--org", "north") == (
        f"{missing} cannot be read: No such file or directory.", 1,
    )  # fmt: skip
    assert refused("dids", "import", file, "--org", "north", "--trunk", "X") == (
        "The organization has no trunk 'X'.", 1,
    )  # fmt: skip
    Path(file).write_text("")
    assert refused("dids", "import", file, "--org", "north") == ("The file is empty.", 1)


@pytest.mark.parametrize(
    "words",
    [
        "dids",
        "dids import list.csv",
        "dids import --org north",
        "dids export --org north",
        "carrier add nobody --org north",
        "carrier add sandbox --org north --set key",
    ],
)
def test_wrong_usage_is_2(house: House, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = words.split()
    with pytest.raises(SystemExit) as ended:
        load_command_class("trunks", name).run_from_argv(["manage.py", name, *rest])
    assert ended.value.code == 2
    assert capsys.readouterr().err != ""


def test_a_carrier_is_added_and_its_webhook_address_printed(house: House, allowed: Running) -> None:
    allowed.account(id="cli", name="North", webhook_url="", numbers=[], api_key="k1", signing_secret="s1")
    settings = ("--set", "api_key=k1", "--set", "signing_secret=s1", "--set", f"base_url={allowed.url}")
    out = run("carrier", "add", "sandbox", "--org", "north", "--name", "Main", *settings)
    account = CarrierAccount.objects.get()
    assert out == f"http://127.0.0.1:8000/hooks/sandbox/{account.pk}/\n"
    assert (account.name, account.values) == ("Main", {"api_key": "k1", "signing_secret": "s1"})
    again = refused("carrier", "add", "sandbox", "--org", "north", "--name", "Main", *settings)
    assert again == ("Another carrier account has this name.", 1)


def test_no_check_keeps_untried_credentials(house: House, allowed: Running) -> None:
    settings = ("--set", "api_key=no", "--set", "signing_secret=no", "--set", f"base_url={allowed.url}")
    assert refused("carrier", "add", "sandbox", "--org", "north", *settings) == (
        "The sandbox does not know this API key. Correct it on the carrier's page.", 1,
    )  # fmt: skip
    assert CarrierAccount.objects.count() == 0
    run("carrier", "add", "sandbox", "--org", "north", "--no-check", *settings)
    assert CarrierAccount.objects.get().checked_at is None
