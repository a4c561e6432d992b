"""Every action that the code records has a sentence, and belongs to one of the page's filters."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

from portal.forms.audit import SUBJECTS
from portal.views.audit_words import SENTENCES
from trunks.models import TextState

ROOT = Path(__file__).parents[2]
ENUMS = {"TextState": TextState}
FILES = [
    path
    for folder in ("portal", "trunks", "compliance", "messaging")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != ROOT / "portal" / "audit.py"
]


class Module:
    """One file, read for what stands first in its calls of `audit.record` and `audit.record_all`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text())
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]
        self.calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    def actions(self) -> Iterator[str]:
        for call in self.calls:
            if ast.unparse(call.func) in {"audit.record", "audit.record_all"}:
                yield from self.values(call.args[0], call)

    def values(self, node: ast.expr, call: ast.Call) -> list[str]:
        """Every text that `node`, written in `call`, may stand for."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return ["".join(some) for some in itertools.product(*(self.values(part, call) for part in parts))]
            case ast.FormattedValue(value=inner):
                return self.values(inner, call)
            case ast.Attribute(value=ast.Name(id=name), attr="value"):
                return self.of_loop(name)
            case ast.Name(id=name):
                return self.of_name(name, call)
        raise AssertionError(f"{self.path}: what does {ast.unparse(node)} stand for?")

    def of_loop(self, name: str) -> list[str]:
        """`name` runs over an enumeration."""
        loops = [node for node in ast.walk(self.tree) if isinstance(node, ast.For) and ast.unparse(node.target) == name]
        return [member.value for loop in loops for member in ENUMS[ast.unparse(loop.iter)]]

    def of_name(self, name: str, call: ast.Call) -> list[str]:
        """A constant of the module, or what the callers of the function around `call` hand in."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return self.values(node.value, call)
        around = next(one for one in self.functions if any(node is call for node in ast.walk(one)))
        place = [argument.arg for argument in around.args.args].index(name)
        callers = [one for one in self.calls if ast.unparse(one.func) == around.name]
        return [text for one in callers for text in self.values(one.args[place], one)]


def recorded() -> set[str]:
    return {action for path in FILES for action in Module(path).actions()}


def test_the_reader_finds_each_way_of_recording() -> None:
    found = recorded()
    assert {
        "portal.team.added", "trunks.did.text_refused", "trunks.trunk.changed", "trunks.carrier.connected",
        "messaging.thread.opened", "messaging.thread.closed", "trunks.did.changed_by_import",
    } <= found  # fmt: skip


def test_every_action_has_a_sentence_and_every_sentence_an_action() -> None:
    assert recorded() == set(SENTENCES)


def test_every_action_is_found_by_one_filter() -> None:
    prefixes = [prefix for prefix, _ in SUBJECTS if prefix]
    for action in SENTENCES:
        assert [prefix for prefix in prefixes if action.startswith(prefix)] != [], action
        assert len([prefix for prefix in prefixes if action.startswith(prefix)]) == 1, action
    assert all(any(action.startswith(prefix) for action in SENTENCES) for prefix in prefixes)
