"""A carrier can be found, read and deleted as a unit: its name stands in its own places and in one registry line.

Comments and docstrings may cite a carrier's documentation anywhere; what runs or is shown may not name it.
"""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from trunks import carriers

ROOT = Path(__file__).parents[2]
GENERIC = {"sandbox"}  # also an ordinary word, and a program of its own
SOURCES = {".py", ".html", ".js", ".css", ".toml"}
REGISTRIES = {"trunks/carriers/__init__.py", "compliance/registrars/__init__.py"}


def own_places(kind: str) -> tuple[str, ...]:
    return (
        f"trunks/carriers/{kind}/",
        f"compliance/registrars/{kind}/",
        f"templates/trunks/carriers/{kind}.html",
        "tests/",
    )


def sources() -> list[str]:
    """Files of the project, also those not yet committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if Path(name).suffix in SOURCES and (ROOT / name).is_file()]


def lines_naming(kind: str, name: str) -> list[str]:
    word = re.compile(rf"(?<![a-z]){re.escape(kind)}(?![a-z])", re.IGNORECASE)
    text = (ROOT / name).read_text()
    running = running_lines(text) if name.endswith(".py") else text.splitlines()
    return [line.strip() for line in running if word.search(line)]


def running_lines(text: str) -> list[str]:
    """Python without its comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree).splitlines()


@pytest.mark.parametrize("line", ["import trunks.carriers.telnyx", "KIND = 'telnyx'", "x = telnyx_key", "f('Telnyx')"])
def test_code_that_names_a_carrier_is_seen(line: str) -> None:
    word = "telnyx"
    assert [word in running.lower() for running in running_lines(line)] == [True]


def test_a_citation_is_none() -> None:
    cited = '"""After Telnyx."""\nx = 1  # as Telnyx has it\n'
    assert "telnyx" not in "".join(running_lines(cited)).lower()


def test_there_is_something_to_guard() -> None:
    assert {"telnyx", "sandbox"} <= set(carriers.KINDS)
    assert "trunks/carriers/telnyx/send.py" in sources()
    assert lines_naming("telnyx", "trunks/carriers/telnyx/__init__.py")


@pytest.mark.parametrize("kind", sorted(set(carriers.KINDS) - GENERIC))
def test_a_carriers_name_stands_in_its_own_places(kind: str) -> None:
    elsewhere = [name for name in sources() if not name.startswith(own_places(kind)) and name not in REGISTRIES]
    strays = [f"{name}: {line}" for name in elsewhere for line in lines_naming(kind, name)]
    assert strays == []


@pytest.mark.parametrize("kind", carriers.KINDS)
def test_the_registry_names_a_carrier_in_one_line(kind: str) -> None:
    assert len(lines_naming(kind, "trunks/carriers/__init__.py")) == 1


@pytest.mark.parametrize("kind", carriers.KINDS)
def test_a_carrier_offers_its_kind_and_a_readme(kind: str) -> None:
    assert kind == carriers.get(kind).KIND
    assert (ROOT / "trunks/carriers" / kind / "README.md").is_file()


def test_an_unknown_carrier_is_named_in_the_error() -> None:
    with pytest.raises(LookupError, match="no carrier 'pigeon'"):
        carriers.get("pigeon")
