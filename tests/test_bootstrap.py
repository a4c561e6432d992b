"""manage.py on a bare Python: which installer it takes, when it makes the environment anew, what it says."""

import ast
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

MANAGE = Path(__file__).parent.parent / "manage.py"

PYPROJECT = """
[project]
dependencies = ["alpha>=1", "beta[two]<3"]
[project.optional-dependencies]
test = ["gamma"]
"""

UV = """#!/bin/sh
echo "uv $* VIRTUAL_ENV=$VIRTUAL_ENV" >> "$CALLS"
echo "uv says no"
[ -z "$UV_WAITS_FOR" ] || read line < "$UV_WAITS_FOR"
exit "$UV_STATUS"
"""

# Both stand in for the real modules through PYTHONPATH; an environment "has" pip once ensurepip left its mark.
ENSUREPIP = """
import os, pathlib, sys
if os.environ["ENSUREPIP"] != "yes":
    raise ImportError("No module named ensurepip")
open(os.environ["CALLS"], "a").write("ensurepip\\n")
pathlib.Path(sys.prefix, "has-pip").touch()
"""
PIP = """
import os, pathlib, sys
outside = sys.argv[1] == "--python"
if not (outside and os.environ["OUTER_PIP"] == "yes" or pathlib.Path(sys.prefix, "has-pip").exists()):
    sys.exit("No module named pip")
if "--version" not in sys.argv:
    open(os.environ["CALLS"], "a").write("pip " + " ".join(sys.argv[1:]) + "\\n")
    print("pip says so")
    sys.exit(int(os.environ["PIP_STATUS"]))
"""
DJANGO = "import sys\ndef execute_from_command_line(argv): print('started', *argv[1:], 'in', sys.prefix)\n"


@dataclass
class Checkout:
    folder: Path
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / ".venv"

    def popen(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        base = getattr(sys, "_base_executable", sys.executable)
        return subprocess.Popen(
            [base, str(self.folder / "manage.py"), *words],
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *words: str, **environ: str) -> SimpleNamespace:
        process = self.popen(*words, **environ)
        out, err = process.communicate(timeout=60)
        return SimpleNamespace(status=process.returncode, out=out, err=err)

    def calls(self) -> list[str]:
        """What the installers were asked since the last look, with the changing folder written as HOME."""
        path = self.folder / "calls"
        text = path.read_text().replace(str(self.folder), "HERE") if path.exists() else ""
        path.unlink(missing_ok=True)
        return text.splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copy(MANAGE, tmp_path)
    files = {
        "pyproject.toml": PYPROJECT,
        "constraints.txt": "alpha==1\n",
        "bin/uv": UV,
        "shadow/ensurepip.py": ENSUREPIP,
        "shadow/pip/__init__.py": "",
        "shadow/pip/__main__.py": PIP,
        "shadow/django/core/management/__init__.py": DJANGO,
        "shadow/django/core/exceptions.py": "class ImproperlyConfigured(Exception): ...\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin/uv").chmod(0o755)
    environ = {
        "PATH": str(tmp_path / "bin"),
        "PYTHONPATH": str(tmp_path / "shadow"),
        "CALLS": str(tmp_path / "calls"),
        "UV_STATUS": "0",
        "ENSUREPIP": "yes",
        "OUTER_PIP": "yes",
        "PIP_STATUS": "0",
    }
    return Checkout(tmp_path, environ)


@pytest.fixture
def manage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("portal_manage", MANAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


UV_RUN = "uv pip install --python HERE/.venv/bin/python -c HERE/constraints.txt alpha>=1 beta[two]<3 VIRTUAL_ENV="
UV_TEST = "uv pip install --python HERE/.venv/bin/python -c HERE/constraints.txt gamma VIRTUAL_ENV="
PIP_RUN = "install --no-input --progress-bar off -c HERE/constraints.txt alpha>=1 beta[two]<3"


def test_it_parses_where_python_is_old() -> None:
    source = MANAGE.read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Await, ast.YieldFrom, ast.Nonlocal, ast.Starred)
    assert [node for node in ast.walk(tree) if isinstance(node, newer)] == []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.returns or node.args.kwonlyargs or node.args.posonlyargs] == []
    assert [node.name for node in functions if any(argument.annotation for argument in node.args.args)] == []
    assert [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.cause] == []


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 4, 10), (3, 10, 13)])
def test_an_old_python_is_told_what_is_needed(
    manage: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: tuple[int, ...]
) -> None:
    monkeypatch.setattr(manage, "sys", SimpleNamespace(version_info=version, stderr=sys.stderr))
    assert manage.main(["manage.py", "up"]) == 1
    words = f"The portal needs Python 3.11 or newer, and this is Python {version[0]}.{version[1]}.\n"
    assert capsys.readouterr().err == words


def test_uv_is_taken_when_it_is_there(checkout: Checkout) -> None:
    first = checkout.start("up", "--port", "0")
    assert first.out == f"started up --port 0 in {checkout.home}\n"
    assert "Installing the packages to run with uv" in first.err
    assert checkout.calls() == [UV_RUN]


def test_a_second_start_installs_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.start("up")
    checkout.calls()
    second = checkout.start("up")
    assert (second.status, second.err) == (0, "")
    assert checkout.calls() == []


def test_pip_follows_when_uv_fails(checkout: Checkout) -> None:
    started = checkout.start("up", UV_STATUS="2")
    assert started.status == 0
    assert "uv failed, trying pip: uv says no" in started.err
    assert checkout.calls() == [UV_RUN, "ensurepip", f"pip {PIP_RUN}"]


def test_without_uv_pip_comes_from_ensurepip(checkout: Checkout) -> None:
    assert checkout.start("up", PATH="").status == 0
    assert checkout.calls() == ["ensurepip", f"pip {PIP_RUN}"]


def test_without_ensurepip_the_outer_pip_fills_the_environment(checkout: Checkout) -> None:
    started = checkout.start("up", PATH="", ENSUREPIP="no")
    assert started.out == f"started up in {checkout.home}\n"
    assert checkout.calls() == [f"pip --python HERE/.venv/bin/python {PIP_RUN}"]


def test_without_any_installer_one_sentence_names_the_package(checkout: Checkout) -> None:
    started = checkout.start("up", PATH="", ENSUREPIP="no", OUTER_PIP="no")
    assert started.status == 1
    assert started.out == ""
    assert started.err.splitlines()[-1] == (
        "This Python has neither uv, ensurepip nor pip: install the package python3-venv "
        "(Debian, Ubuntu: apt install python3-venv; elsewhere python3-pip) and start again."
    )
    assert list(checkout.home.glob("*.stamp")) == []


def test_a_failed_installation_says_why_and_is_made_anew(checkout: Checkout) -> None:
    failed = checkout.start("up", PATH="", PIP_STATUS="1")
    assert failed.status == 1
    assert failed.err.splitlines()[-1] == (
        f"The packages could not be installed; pip's words are in {checkout.home}/install.log, the last: pip says so"
    )
    again = checkout.start("up")
    assert again.status == 0
    assert "Removing the unfinished or outdated environment" in again.err


def test_the_test_extra_joins_the_same_environment(checkout: Checkout) -> None:
    checkout.start("up")
    checkout.calls()
    checkout.start("test", "-k", "x")
    assert checkout.calls() == [UV_TEST]
    checkout.start("bench")
    checkout.start("up")
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("constraints.txt", "alpha==1.1\n"), ("pyproject.toml", PYPROJECT.replace("alpha>=1", "alpha>=1.1"))],
)
def test_other_requirements_make_it_anew(checkout: Checkout, name: str, text: str) -> None:
    checkout.start("test")
    left_over = checkout.home / "left-over"
    left_over.touch()
    (checkout.folder / name).write_text(text)
    checkout.start("up")
    assert not left_over.exists()
    assert [path.name for path in checkout.home.glob("*.stamp")] == ["portal-run.stamp"]


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.start("up")
    checkout.calls()
    (checkout.home / "bin/python").unlink()
    (checkout.home / "bin/python").symlink_to("/nowhere/python")
    assert checkout.start("up").status == 0
    assert checkout.calls() == [UV_RUN]


def test_a_start_killed_half_way_leaves_no_stamp(checkout: Checkout) -> None:
    os.mkfifo(checkout.folder / "gate")
    process = checkout.popen("up", UV_WAITS_FOR=str(checkout.folder / "gate"))
    with process, (checkout.folder / "gate").open("w") as gate:  # opens once uv reads, so uv is under way
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert list(checkout.home.glob("*.stamp")) == []
        waiting = checkout.popen("up")
        assert waiting.stderr is not None
        # The installer outlived its parent and still writes: the next start must not run beside it.
        assert waiting.stderr.readline() == "Another start is making the environment; waiting for it.\n"
        gate.write("go\n")
        gate.flush()
        assert "started up" in waiting.communicate(timeout=60)[0]


def test_two_starts_at_once_make_it_once(checkout: Checkout) -> None:
    with (checkout.folder / ".venv.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starts = [checkout.popen("up"), checkout.popen("up")]
        for process in starts:
            assert process.stderr is not None
            assert process.stderr.readline() == "Another start is making the environment; waiting for it.\n"
    outs = [process.communicate(timeout=60)[0] for process in starts]
    assert outs == [f"started up in {checkout.home}\n"] * 2
    assert checkout.calls() == [UV_RUN]


def test_an_active_foreign_environment_stays_as_it_is(checkout: Checkout) -> None:
    assert checkout.start("up", VIRTUAL_ENV="/foreign", UV_TARGET="/foreign").status == 0
    assert checkout.calls() == [UV_RUN]


def test_portal_venv_moves_it(checkout: Checkout) -> None:
    elsewhere = checkout.folder / "elsewhere"
    assert checkout.start("up", PORTAL_VENV=str(elsewhere)).out == f"started up in {elsewhere}\n"
    assert not checkout.home.exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    checkout.home.mkdir()
    (checkout.home / "letters.txt").write_text("mine")
    started = checkout.start("up")
    assert (started.status, started.err) == (
        1,
        f"{checkout.home} is not an environment, so it is left alone; name another place in PORTAL_VENV.\n",
    )
    assert (checkout.home / "letters.txt").read_text() == "mine"


def test_no_bootstrap_trusts_the_python_that_runs(checkout: Checkout) -> None:
    started = checkout.start("up", PORTAL_NO_BOOTSTRAP="1")
    assert started.out == f"started up in {sys.base_prefix}\n"
    assert not checkout.home.exists()


def test_a_missing_setting_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DJANGO_"))}
    environ |= {
        "DATABASE_URL": "postgres://app@127.0.0.1:1/portal",
        "PORTAL_NO_BOOTSTRAP": "1",
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_DATA_DIR": str(tmp_path),
    }
    words = [sys.executable, str(MANAGE), "doctor"]
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "PORTAL_SECRET_KEY is missing. With DATABASE_URL set, the keys must be given, not made up."
    )
