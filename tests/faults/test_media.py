"""Pictures that come from anywhere and go onto a full disk: bounded, refused or waited for, and the thread says so."""

import html
import resource
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from messaging import media, pictures
from messaging.models import Attachment, Conversation, State
from tests.faults import picture_host as made
from tests.faults.browser import Browser
from tests.faults.house import Site, inbound_text
from tests.faults.picture_host import PictureHost, picture_host
from tests.faults.processes import Program, until
from tests.portal.peers import Peer, answering, opened_peer
from trunks.models import CarrierAccount, Did

PHOTO = made.noise(64)
SMALL = made.noise(40)
TOO_LARGE = "The picture is larger than 5 MB. Ask the customer for a smaller one."
NOWHERE = "The picture's link leads nowhere, or to a private address. Ask the customer for it again."
NO_ANSWER = "The picture could not be fetched: no answer in time. We try again by ourselves."
DAMAGED = "This picture is damaged. Ask the customer to send it as a photo."
FULL = (
    "The picture could not be stored: the portal's disk may be full. Tell whoever runs it. We try again by ourselves."
)


def photo_needed(what: str) -> str:
    return f"{what}. Ask the customer to send it as a photo."


@dataclass
class Desk:
    """A DID at a carrier whose pictures lie on a host that misbehaves."""

    portal: Site
    host: PictureHost
    account: CarrierAccount
    did: Did
    threads: dict[str, Conversation] = field(default_factory=dict)  # by link

    def hear(self, link: str) -> None:
        """A customer's text with one picture: a path of the host, or any link."""
        number = self.portal.customer()
        self.threads[link] = self.portal.threads_with(number, self.did)
        url = self.host.url + link if link.startswith("/") else link
        body = inbound_text(uuid.uuid4().hex, did=self.did.number, customer=number, text="Look at this", pictures=[url])
        assert self.portal.hook(body, account=self.account) == 200

    def picture(self, link: str) -> Attachment:
        return Attachment.objects.get(message__conversation=self.threads[link])

    def settled(self, *links: str) -> dict[str, tuple[str, str]]:
        """What became of each picture at first: its state and the sentence beside it."""
        heard: dict[str, tuple[str, str]] = {}

        def all_heard() -> bool:
            rows = Attachment.objects.values_list("message__conversation", "state", "why")
            found = {conversation: (state, why) for conversation, state, why in rows}
            for link in links:
                state, why = found.get(self.threads[link].pk, ("", ""))
                if state not in ("", "pending") or why:
                    heard.setdefault(link, (state, why))
            return len(heard) == len(links)

        until(all_heard, seconds=90, what=lambda: f"{set(links) - set(heard)} {self.portal.logs()}")
        return heard

    def now(self) -> None:
        """The time of every later try has come."""
        Attachment.objects.filter(state="pending").exclude(why="").update(due_at=timezone.now())

    def page(self, link: str, browser: Browser) -> str:
        status, page = browser.ask("GET", f"/{browser.slug}/inbox/{self.threads[link].pk}/")
        assert status == 200
        return html.unescape(page)


@pytest.fixture
def host() -> Iterator[PictureHost]:
    with picture_host() as one:
        yield one


@pytest.fixture
def trap() -> Iterator[Peer]:
    """A server on this machine that is nobody's business."""
    with opened_peer(answering()) as peer:
        yield peer


@pytest.fixture
def desk(portal: Site, host: PictureHost) -> Desk:
    portal.allow(host.peer.entry)
    account = portal.open_account(name="Pictures", base_url=host.url)
    return Desk(portal, host, account, portal.did(account=account))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def stored() -> set[str]:
    return set(Attachment.objects.filter(state="stored").values_list("file", flat=True))


def most_memory(program: Program) -> int:
    """The most a process has used so far, in bytes."""
    lines = Path(f"/proc/{program.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


# --- Links ---


def private_links(trap: Peer, other: Peer) -> list[str]:
    """The machine itself in every spelling, a network inside, a cloud's own data, another entry of the operator's."""
    port = trap.port
    return [
        f"http://127.0.0.1:{port}/p.jpg", f"http://localhost:{port}/p.jpg", f"http://[::1]:{port}/p.jpg",
        f"http://[::ffff:127.0.0.1]:{port}/p.jpg", f"http://2130706433:{port}/p.jpg", f"http://0x7f.1:{port}/p.jpg",
        f"http://0177.0.0.1:{port}/p.jpg", f"http://127.1:{port}/p.jpg", "http://10.0.0.1/p.jpg",
        "http://[fd00::1]/p.jpg", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
        f"{other.url}/p.jpg", f"http://user:word@127.0.0.1:{port}/p.jpg",
    ]  # fmt: skip


def test_links_that_lie_stall_swell_and_stray(desk: Desk, trap: Peer) -> None:
    """Each is asked once where asking again is of no use; what comes of it is bounded in bytes, time and memory."""
    portal, host = desk.portal, desk.host
    portal.environ["MESSAGING_MEDIA_TIMEOUT_SECONDS"] = "3"
    host.scripts = {
        "/photo.jpg": made.file(PHOTO),
        "/moved": made.moved("/photo.jpg"),
        "/named.exe": made.file(PHOTO, "application/x-msdownload"),
        "/round": made.moved("/round"),
        "/inside": made.moved(f"http://127.0.0.1:{trap.port}/admin"),
        "/inside-by-name": made.moved(f"http://localhost:{trap.port}/admin"),
        "/no-address": made.moved("javascript:alert(1)"),
        "/away": made.moved("http://pictures.invalid/p.jpg"),
        "/huge": made.huge(said=made.HUGE),
        "/huge-in-chunks": made.huge_in_chunks,
        "/huge-and-lying": made.huge(said=60_000),
        "/breaks-off": made.breaks_off,
        "/drips": made.drips,
        "/drips-its-head": made.drips_its_head,
        "/page.jpg": made.file(b"<!DOCTYPE html><script>alert(1)</script>"),
        "/drawing.jpg": made.file(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        "/program.jpg": made.file(b"MZ\x90\0" + b"\0" * 100 + b"PE\0\0"),
        "/script.jpg": made.file(b"#!/bin/sh\nexit 1\n"),
        "/empty.jpg": made.file(b""),
        "/cut.jpg": made.file(made.noise(200)[:20_000]),
        "/bomb.png": made.file(made.empty_png(30_000)),
        "/missing.jpg": made.status("404 Not Found"),
        "/broken.jpg": made.status("503 Service Unavailable"),
    }
    with opened_peer(answering()) as other:
        portal.allow(other.entry)
        inside = private_links(trap, other)
        worker = portal.start_all()
        before = most_memory(worker)
        for link in [*host.scripts, *inside]:
            desk.hear(link)
        heard = desk.settled(*host.scripts, *inside)
        assert {link: heard[link] for link in inside} == dict.fromkeys(inside, ("refused", NOWHERE))
        assert (trap.connections, other.connections) == (0, 0)
    away = heard.pop("/away")  # how a name nobody knows is worded is the system's
    assert away[0] == "pending"
    assert away[1].startswith("The picture could not be fetched: ")
    assert away[1].endswith(". We try again by ourselves.")
    lied = heard.pop("/huge-and-lying")  # seen at once when what is too much comes together with what was said
    assert lied in [
        ("refused", photo_needed("This is not a picture we know")),
        ("pending", "The picture could not be fetched: the answer cannot be read. We try again by ourselves."),
    ]
    assert {link: heard[link] for link in host.scripts if link in heard} == {
        "/photo.jpg": ("stored", ""),
        "/moved": ("stored", ""),
        "/named.exe": ("stored", ""),
        "/round": ("refused", NOWHERE),
        "/inside": ("refused", NOWHERE),
        "/inside-by-name": ("refused", NOWHERE),
        "/no-address": ("refused", NOWHERE),
        "/huge": ("refused", TOO_LARGE),
        "/huge-in-chunks": ("refused", TOO_LARGE),
        "/breaks-off": (
            "pending",
            "The picture could not be fetched: the answer broke off. We try again by ourselves.",
        ),
        "/drips": ("pending", NO_ANSWER),
        "/drips-its-head": ("pending", NO_ANSWER),
        "/page.jpg": ("refused", photo_needed("This is a web page")),
        "/drawing.jpg": ("refused", photo_needed("This is an SVG drawing")),
        "/program.jpg": ("refused", photo_needed("This is a program")),
        "/script.jpg": ("refused", photo_needed("This is not a picture we know")),
        "/empty.jpg": ("refused", photo_needed("This file is empty")),
        "/cut.jpg": ("refused", DAMAGED),
        "/bomb.png": ("refused", photo_needed("This picture has more than 50 million pixels")),
        "/missing.jpg": (
            "pending",
            "The picture could not be fetched: the carrier answered 404. We try again by ourselves.",
        ),
        "/broken.jpg": (
            "pending",
            "The picture could not be fetched: the carrier answered 503. We try again by ourselves.",
        ),
    }

    for link in ("/huge", "/huge-in-chunks"):
        assert (host.asked[link], host.taken[link] < 20_000_000) == (1, True), host.taken
    assert host.taken["/huge-and-lying"] < 20_000_000 * host.asked["/huge-and-lying"]
    assert host.asked["/round"] == 6
    assert {desk.picture(link).tries for link, (state, _) in heard.items() if state != "pending"} == {1}
    assert files(portal.data / "media") == stored()
    assert len(stored()) == 3

    agent = Browser(portal, portal.house.agent)
    for link, (state, why) in heard.items():
        page = desk.page(link, agent)
        assert page.count("Look at this") >= 1
        assert (why in page) or state == "stored", link
    grown = most_memory(worker) - before
    print(f"the worker grew by {grown / 1e6:.0f} MB at most; sent to it {dict(host.taken)}")
    assert grown < 200_000_000
    assert worker.process.poll() is None

    # What was only slow or away is there at a later try; what the carrier does not have is given up.
    for link in ("/drips", "/drips-its-head", "/breaks-off", "/broken.jpg"):
        host.scripts[link] = made.file(PHOTO)
    later = [*host.scripts.keys() & {"/drips", "/drips-its-head", "/breaks-off", "/broken.jpg"}]

    def over() -> bool:
        desk.now()
        return all(desk.picture(link).state == "stored" for link in later) and (
            desk.picture("/missing.jpg").state == "refused"
        )

    until(over, what=portal.logs)
    gone = desk.picture("/missing.jpg")
    assert (gone.tries, host.asked["/missing.jpg"]) == (media.MAX_TRIES, media.MAX_TRIES)
    assert gone.why == "The picture could not be fetched: the carrier answered 404. Ask the customer to send it again."
    assert files(portal.data / "media") == stored()


def test_pictures_that_stall_or_swell_leave_room_for_everything_else(desk: Desk) -> None:
    """More of them than a worker has threads, each silent for as long as the test likes: no text waits for them.

    Then six of just as many pixels as are taken at all, in files of some kilobytes: one is unpacked at a time.
    """
    portal, host = desk.portal, desk.host
    portal.environ["MESSAGING_MEDIA_TIMEOUT_SECONDS"] = "120"
    side = 7_064
    assert side * side <= pictures.MAX_PIXELS < (side + 8) * (side + 8)
    links = [f"/held{number}.jpg" for number in range(12)]
    large = [f"/large{number}.png" for number in range(6)]
    host.scripts = dict.fromkeys(links, made.held(PHOTO)) | dict.fromkeys(large, made.file(made.empty_png(side)))
    worker = portal.start_all()
    for link in links:
        desk.hear(link)
    until(lambda: host.held >= 4, what=portal.logs)
    message = portal.text(portal.threads(portal.did(), 1)[0])
    until(lambda: portal.messages().filter(pk=message.pk, state=State.DELIVERED).exists(), what=portal.logs)
    assert portal.customer_texts(portal.threads(portal.did(), 1)[0], "Anybody there?") == 200
    until(lambda: Conversation.objects.filter(last_preview="Anybody there?").exists(), what=portal.logs)
    assert not Attachment.objects.exclude(state="pending").exists()
    host.go.set()
    assert set(desk.settled(*links).values()) == {("stored", "")}
    before = most_memory(worker)
    for link in large:
        desk.hear(link)
    assert set(desk.settled(*large).values()) == {("stored", "")}
    grown = most_memory(worker) - before
    print(f"six pictures of {side} by {side}: the worker grew by {grown / 1e6:.0f} MB at most")
    assert grown < 2 * 4 * pictures.MAX_PIXELS
    assert files(portal.data / "media") == stored()


# --- The disk ---

ROOM = 1_000_000


def limit_files(program: Program, size: int) -> None:
    """No file of the process or its children grows beyond `size`: what a full disk or a quota does to it."""
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    for pid in [program.pid, *map(int, children)]:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def can_mount() -> bool:
    """Whether this machine lets anybody have file systems of their own."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        return False
    words = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 0


@dataclass
class Disk:
    """Where the worker stores, and how it gets room again."""

    worker: Program
    folder: Path
    is_mounted: bool

    def make_room(self) -> None:
        if not self.is_mounted:
            limit_files(self.worker, resource.RLIM_INFINITY)
            return
        inside = ["nsenter", "--target", str(self.worker.pid), "--user", "--mount", "--preserve-credentials"]
        mounted = str(self.folder).removeprefix(f"/proc/{self.worker.pid}/root")
        subprocess.run([*inside, "mount", "-o", "remount,size=32m", mounted], check=True, timeout=20)


def full_disk(portal: Site, kind: str) -> Disk:
    """A worker with a megabyte for its files: of each, or of all together on a small file system of its own."""
    folder = portal.data / "media"
    if kind == "small files":
        worker = portal.start_worker()
        limit_files(worker, ROOM)
        return Disk(worker, folder, is_mounted=False)
    folder.mkdir(exist_ok=True)
    mount = 'mount -t tmpfs -o size=1m,mode=700 none "$0" && exec "$@"'
    worker = portal.start_worker("unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(folder))
    return Disk(worker, Path(f"/proc/{worker.pid}/root{folder}"), is_mounted=True)


@pytest.mark.postgres  # in SQLite's file the worker would find no room for its rows
@pytest.mark.parametrize("kind", ["small files", "a small file system"])
def test_a_disk_that_is_full_while_pictures_are_written(desk: Desk, kind: str) -> None:
    if kind == "a small file system" and not can_mount():
        pytest.skip("this machine lets nobody mount a file system of their own")
    portal, host = desk.portal, desk.host
    large = made.animation(1_000)
    assert ROOM < len(large) < media.MAX_INBOUND_BYTES
    host.scripts = {"/large.gif": made.file(large), "/small.jpg": made.file(SMALL)}
    portal.start_web()
    portal.start_beat()
    disk = full_disk(portal, kind)
    desk.hear("/large.gif")
    assert desk.settled("/large.gif") == {"/large.gif": ("pending", FULL)}
    assert files(disk.folder) == set()
    agent = Browser(portal, portal.house.agent)
    assert FULL in desk.page("/large.gif", agent)

    desk.hear("/small.jpg")  # for this one there is room
    assert desk.settled("/small.jpg") == {"/small.jpg": ("stored", "")}
    portal.text(portal.threads(portal.did(), 1)[0])  # and texts need none
    portal.wait_final()

    def given_up_by_any_count() -> bool:
        desk.now()
        return desk.picture("/large.gif").tries > media.MAX_TRIES

    until(given_up_by_any_count, what=portal.logs)
    assert desk.picture("/large.gif").state == "pending"
    assert files(disk.folder) == stored()

    disk.make_room()

    def there() -> bool:
        desk.now()
        return desk.picture("/large.gif").state == "stored"

    until(there, what=portal.logs)
    picture = desk.picture("/large.gif")
    assert (picture.why, picture.size) == ("", len(large))
    assert (disk.folder / picture.file.name).read_bytes() == large
    assert files(disk.folder) == stored()
    assert disk.worker.process.poll() is None


@pytest.mark.postgres
def test_a_disk_that_is_full_while_an_agent_sends_a_picture(portal: Site) -> None:
    web = portal.start_web()
    thread = portal.threads(portal.did(), 1)[0]
    agent = Browser(portal, portal.house.agent)
    limit_files(web, 50_000)
    large = made.noise(300)
    assert len(large) > 50_000
    status, page = agent.reply_with(thread.pk, "Here is the receipt.", SMALL, large)
    assert status == 200
    assert "The pictures could not be stored: the portal's disk may be full." in html.unescape(page)
    assert "Here is the receipt." in page  # nothing typed is lost
    assert (portal.messages().count(), Attachment.objects.count()) == (0, 0)
    assert files(portal.data / "media") == set()
    limit_files(web, resource.RLIM_INFINITY)
    assert agent.reply_with(thread.pk, "Here is the receipt.", SMALL, large)[0] == 302
    portal.start_beat()
    portal.start_worker()
    portal.wait_final()
    assert portal.states() == {State.DELIVERED: 1}
    assert files(portal.data / "media") == stored()


# --- On the way out ---


def test_a_picture_on_its_way_out_whose_file_is_gone(portal: Site) -> None:
    """The carrier fetches by a signed link: what it gets is the picture, or nothing, and then the thread says so."""
    portal.start_web()
    lost, kept = portal.threads(portal.did(), 2)
    agent = Browser(portal, portal.house.agent)
    for thread in (lost, kept):
        assert agent.reply_with(thread.pk, "Your receipt", PHOTO)[0] == 302
    pictures_of = {one.message.conversation_id: one for one in Attachment.objects.select_related("message")}
    (portal.data / "media" / pictures_of[lost.pk].file.name).unlink()
    portal.start_beat()
    portal.start_worker()
    portal.wait_final()
    failed, arrived = lost.messages.get(), kept.messages.get()
    why = "The carrier could not fetch the picture. Attach it anew and send again."
    assert (failed.state, failed.reason, failed.why) == (State.FAILED, "content_rejected", why)
    assert why in html.unescape(agent.ask("GET", f"/{agent.slug}/inbox/{lost.pk}/")[1])
    assert (arrived.state, arrived.why) == (State.DELIVERED, "")
    fetched = [path.read_bytes() for path in (portal.data / "sandbox-media").iterdir()]
    picture = pictures_of[kept.pk]
    assert fetched == [(portal.data / "media" / picture.file.name).read_bytes()]

    link = media.link(picture.pk).partition("/m/")[2]
    status, content, headers = portal.ask("GET", f"/m/{link}")
    said = {name.lower(): value for name, value in headers}
    assert (status, content) == (200, fetched[0])
    assert (said["content-type"], said["content-length"]) == ("image/jpeg", str(len(content)))
    with time_machine.travel(timezone.now() - timezone.timedelta(seconds=media.LINK_SECONDS + 60)):
        old = media.link(picture.pk).partition("/m/")[2]
    with time_machine.travel(timezone.now() - timezone.timedelta(hours=10)):
        still_good = media.link(picture.pk).partition("/m/")[2]  # the slowest carrier fetches after so long
    other = media.link(pictures_of[lost.pk].pk).partition("/m/")[2]
    forged = link.replace(link.partition(":")[0], other.partition(":")[0], 1)
    answers = {name: portal.ask("GET", f"/m/{one}")[0] for name, one in
               {"old": old, "still good": still_good, "lost": other, "forged": forged}.items()}  # fmt: skip
    assert answers == {"old": 404, "still good": 200, "lost": 404, "forged": 404}
