#!/usr/bin/env python3
"""Django's command line. On a bare Python it first makes its own environment.

Standard library only. This file must parse on Python 2.7 and 3.4 too, so that an
old interpreter says in one sentence what it lacks: no f-strings, no annotations.

PORTAL_VENV moves the environment, PORTAL_NO_BOOTSTRAP=1 trusts the one that runs.
"""

import os
import sys

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))
RUNTIME = "run"
EXTRAS = {"test": "test", "bench": "test"}


class Refused(Exception):
    """The environment cannot be made. The message is one sentence for the person at the keyboard."""


def main(argv):
    sentence = too_old(sys.version_info)
    if sentence:
        return complain(sentence)
    if os.environ.get("PORTAL_NO_BOOTSTRAP") != "1":
        try:
            bootstrap(argv)
        except Refused as refusal:
            return complain(str(refusal))
        except OSError as error:
            return complain("The environment %s cannot be made: %s." % (environment_home(), error))
        except KeyboardInterrupt:
            return complain("Stopped; the next start makes the environment anew.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings" if argv[1:2] == ["test"] else "portal.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:  # a bad or missing setting: the text is a sentence
        return complain(str(error))
    return 0


def too_old(version):
    if tuple(version[:2]) >= NEEDED:
        return None
    return "The portal needs Python %d.%d or newer, and this is Python %d.%d." % (NEEDED + tuple(version[:2]))


def complain(sentence):
    sys.stderr.write(sentence + "\n")
    return 1


def bootstrap(argv):
    """Return inside a complete environment; otherwise complete it and go on in its Python."""
    home = environment_home()
    wanted = [RUNTIME] + [EXTRAS[word] for word in argv[1:2] if word in EXTRAS]
    stamps = expected_stamps(wanted)
    if not is_complete(home, stamps):
        with Lock(home + ".lock"):
            # Another start may have made it while this one waited.
            if not is_complete(home, stamps):
                complete(home, stamps)
    if os.path.realpath(sys.prefix) != os.path.realpath(home):
        go_on_in(home, argv)


def environment_home():
    return os.path.abspath(os.environ.get("PORTAL_VENV") or os.path.join(ROOT, ".venv"))


def environment_python(home):
    return os.path.join(home, "Scripts", "python.exe") if os.name == "nt" else os.path.join(home, "bin", "python")


def go_on_in(home, argv):
    command = [environment_python(home), os.path.abspath(__file__)] + argv[1:]
    if os.name == "nt":
        import subprocess

        sys.exit(subprocess.call(command))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)


# What is wanted, and the stamps that say it is there


def requirements(group):
    """The requirement lines of pyproject.toml: of the project itself, or of one of its extras."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    return project["dependencies"] if group == RUNTIME else project["optional-dependencies"][group]


def constraints_path():
    return os.path.join(ROOT, "constraints.txt")


def expected_stamps(groups):
    """{group: digest} of everything that decides what the environment holds."""
    import hashlib

    with open(constraints_path(), "rb") as file:
        constraints = file.read()
    python = "%s %d.%d" % ((sys.implementation.name,) + tuple(sys.version_info[:2]))
    stamps = {}
    for group in groups:
        parts = [python] + sorted(requirements(group))
        stamps[group] = hashlib.sha256(constraints + "\0".join(parts).encode()).hexdigest()
    return stamps


def stamp_path(home, group):
    return os.path.join(home, "portal-%s.stamp" % group)


def read_stamp(home, group):
    try:
        with open(stamp_path(home, group)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def write_stamp(home, group, digest):
    """Written last, and whole or not at all: a stamp means that every package before it is in place."""
    path = stamp_path(home, group)
    with open(path + ".new", "w") as file:
        file.write(digest + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def is_complete(home, stamps):
    if not os.path.exists(environment_python(home)):
        return False
    return all(read_stamp(home, group) == digest for group, digest in stamps.items())


# Making it


def complete(home, stamps):
    progress = Progress()
    if not is_complete(home, {RUNTIME: stamps[RUNTIME]}):
        make_environment(home, progress)
    for group, digest in stamps.items():
        if read_stamp(home, group) != digest:
            install(home, group, progress)
            write_stamp(home, group, digest)
    progress.say("The environment is ready")


def make_environment(home, progress):
    import venv

    if os.path.exists(home):
        if not os.path.exists(os.path.join(home, "pyvenv.cfg")) and os.listdir(home):
            raise Refused("%s is not an environment, so it is left alone; name another place in PORTAL_VENV." % home)
        progress.say("Removing the unfinished or outdated environment")
        remove_tree(home)
    progress.say("Making the environment %s" % home)
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(home)


def remove_tree(home):
    """Stamps go first: an interrupted removal leaves an environment without one."""
    import shutil

    for name in os.listdir(home):
        if name.endswith(".stamp"):
            os.remove(os.path.join(home, name))
    shutil.rmtree(home)


def install(home, group, progress):
    """With uv when it is there and works, else with the first pip that can be had."""
    lines = ["-c", constraints_path()] + list(requirements(group))
    what = "the packages to run" if group == RUNTIME else "the packages for '%s'" % group
    uv = find_program("uv")
    if uv:
        command = [uv, "pip", "install", "--python", environment_python(home)] + lines
        if progress.run("Installing %s with uv" % what, command, home):
            return
        progress.say("uv failed, trying pip: " + last_line(log_path(home)))
    command = find_pip(home, progress) + ["install", "--no-input", "--progress-bar", "off"] + lines
    if not progress.run("Installing %s with pip" % what, command, home):
        raise Refused("The packages could not be installed; pip's words are in %s, the last: %s" % failure(home))


def failure(home):
    return (log_path(home), last_line(log_path(home)))


def find_program(name):
    import shutil

    return shutil.which(name)


def find_pip(home, progress):
    """The command that starts a pip for this environment: its own, one from ensurepip, or one from outside."""
    python = environment_python(home)
    own = [python, "-m", "pip"]
    if runs(own + ["--version"]):
        return own
    if progress.run("Adding pip with ensurepip", [python, "-m", "ensurepip", "--default-pip"], home):
        return own
    # pip 22.3 and newer can install into an environment that has none.
    for outside in (sys.executable, sys._base_executable, find_program("python3")):
        command = [outside, "-m", "pip", "--python", python]
        if outside and runs(command + ["--version"]):
            progress.say("ensurepip is missing; using the pip of %s" % outside)
            return command
    raise Refused(
        "This Python has neither uv, ensurepip nor pip: install the package python3-venv "
        "(Debian, Ubuntu: apt install python3-venv; elsewhere python3-pip) and start again."
    )


def runs(command):
    import subprocess

    try:
        quiet = subprocess.DEVNULL
        return subprocess.call(command, stdin=quiet, stdout=quiet, stderr=quiet, env=installer_environ()) == 0
    except OSError:
        return False


def installer_environ():
    """Nothing of the caller's may send the packages elsewhere, nor may a foreign environment be touched."""
    elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV")
    foreign = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX")
    environ = {name: value for name, value in os.environ.items() if name not in elsewhere + foreign}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environ["PIP_ROOT_USER_ACTION"] = "ignore"
    return environ


def log_path(home):
    return os.path.join(home, "install.log")


def last_line(path):
    with open(path, "rb") as file:
        lines = file.read().decode("utf-8", "replace").split("\n")
    return ([line.strip() for line in lines if line.strip()] or ["nothing was said"])[-1]


class Progress:
    """One line a step on standard error, each with the seconds since the start."""

    EVERY = 5  # seconds between two signs of life in a long step

    def __init__(self):
        import time

        self.clock = time.monotonic
        self.start = self.clock()

    def say(self, words):
        sys.stderr.write("[%3d s] %s\n" % (self.clock() - self.start, words))
        sys.stderr.flush()

    def run(self, words, command, home):
        """True when the command ended well. What it says goes to the log, its last line to the screen."""
        import subprocess

        self.say(words)
        with open(log_path(home), "wb") as log:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=installer_environ(),
                    close_fds=False,  # it keeps the lock, should this process be killed before it
                )
            except OSError as error:
                log.write(str(error).encode())
                return False
            return self.wait(process, log_path(home)) == 0

    def wait(self, process, log):
        import subprocess

        try:
            while True:
                try:
                    return process.wait(self.EVERY)
                except subprocess.TimeoutExpired:
                    self.say("  " + last_line(log)[:100])
        except BaseException:
            process.kill()
            process.wait()
            raise


class Lock:
    """One start at a time makes the environment; the system frees the lock when its holder dies."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.file = open(self.path, "a+")  # noqa: SIM115 - closed in __exit__
        os.set_inheritable(self.file.fileno(), True)
        if not self.take(wait=False):
            sys.stderr.write("Another start is making the environment; waiting for it.\n")
            self.take(wait=True)

    def __exit__(self, *error):
        self.file.close()

    def take(self, wait):
        if os.name == "nt":
            return self.take_on_windows(wait)
        import fcntl

        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def take_on_windows(self, wait):
        import msvcrt

        self.file.seek(0)
        while True:
            try:
                # LK_LOCK itself tries for ten seconds, then raises.
                msvcrt.locking(self.file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
            else:
                return True


if __name__ == "__main__":
    sys.exit(main(sys.argv))
