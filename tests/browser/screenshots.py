"""Pictures of the portal at work: `python -m tests.browser.screenshots DIR`.

A demo portal is started, customers write to it by the sandbox's handset, an agent answers, and every screen is kept at
1440 and 390 pixels, light and dark. With `--docs` the inbox is also kept, small, as static/img/inbox.png.
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import files
from tests.browser.running import ROOT, manage, running
from tests.browser.screens import Screens, chromium

SIZES = {"1440": {"width": 1440, "height": 900}, "390": {"width": 390, "height": 844}}
SALES = ("+13125550110", "+14045550110", "+16025550110", "+16465550110")
MAX_BYTES = 150_000
OPENING = (
    ("+12015550101", "Harbor Dental", "Do you have anything before Friday? Mornings are best for us."),
    ("+13475550102", "", "Who is this?"),
    ("+17185550103", "Blue Door Bakery", "The invoice is fine. Please go ahead."),
    ("+12125550104", "", "Can you call me back after 5?"),
    ("+16175550105", "Maple Street Garage", "We moved last month, the new address is 18 Maple Street."),
    ("+14155550106", "North Pier Marina", "Thanks, that answers it."),
    ("+12065550107", "", "Is the offer still open?"),
    (
        "+13035550108",
        "Cedar Hill Nursery",
        "Two seats, please. The last visit ran late, so could we start a little earlier?",
    ),
    ("+15035550109", "", "Yes, Tuesday works."),
    ("+17025550110", "Old Town Framing", "I did not get the link."),
    ("+16195550111", "", "What does it cost for three lines?"),
    ("+18015550112", "Prairie Print Shop", "Perfect, thank you!"),
    ("+16125550113", "", "Please send it by mail instead."),
    ("+13055550114", "Palm Court Hotel", "Our front desk has the keys."),
    ("+17705550115", "", "Running 10 minutes late, sorry."),
    ("+12155550116", "Third Street Books", "Could you text me the order number?"),
    ("+13035550117", "", "Not interested at the moment, thank you."),
    ("+16025550118", "", "I need to cancel"),
)
HOUSE = "Here is the roof from the street. The dark patch is where it leaks."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true", help="renew static/img/inbox.png too")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, running(Path(data)) as portal, chromium() as browser:
        screens = Screens(browser, portal)
        try:
            take_all(screens, chosen.folder)
        except Exception as error:
            error.add_note("Screens: " + ", ".join(map(str, screens.keep(chosen.folder))))
            raise
        finally:
            print("\n".join(dict.fromkeys(screens.problems)) or "No screen complained.")
            screens.close()
    if chosen.docs:
        shrink(chosen.folder / "inbox-1440-light.png", ROOT / "static" / "img" / "inbox.png")


def take_all(screens: Screens, folder: Path) -> None:
    dialer = screens.of("dialer", "dids/")
    an_import(screens, dialer, folder)
    customers_write(screens, folder)
    agent = screens.of("agent1", "inbox/")
    answer_all(agent)
    main_thread(screens, agent, folder)
    troubles(agent)
    for who, page, path, name in plan(screens, dialer, agent):
        take(screens, who, page, path, folder / name)
    refusals(screens, dialer, folder)


def label(at: int) -> str:
    """What a call center calls its numbers; the demo's own two in each city keep their names."""
    city, line = ("Atlanta", "Phoenix")[at // 100], at % 100
    return f"{city} { ({10: 'sales', 11: 'support'}.get(line) or ('outbound' if line < 50 else 'renewals')) }"


def an_import(screens: Screens, dialer: Page, folder: Path) -> None:
    """A list with bad rows, and texting asked for, so that all states stand in the list of DIDs."""
    dialer.get_by_role("link", name="Import DIDs").click()
    dialer.locator("input[type=file]").set_input_files(files.telnyx_export(folder / "numbers.csv", label))
    dialer.get_by_role("button", name="Look at it").click()
    dialer.wait_for_url("**/import/*-*/")
    keep(screens, "dialer", dialer, folder / "plan")
    dialer.get_by_role("button", name="Import 193 DIDs").click()
    dialer.wait_for_url("**/dids/")
    dialer.get_by_label("Search number, label or tag").fill("404555016")
    expect(dialer.locator(".pager")).to_contain_text("of 10")
    dialer.get_by_label("Select all on this page").check()
    dialer.get_by_role("button", name="Switch texting on").click()
    expect(dialer.locator("#did-rows .state.is-wrong")).to_have_count(1)


def customers_write(screens: Screens, folder: Path) -> None:
    for at, (number, _, text) in enumerate(OPENING):
        send(screens, number, SALES[at % 4], text)
    for n in range(14):
        send(
            screens,
            f"+1908555012{n}" if n < 10 else f"+190855501{n + 20}",
            SALES[n % 4],
            "Hello, is this still your number?",
        )
    send(screens, "+19085550140", SALES[2], "STOP")
    files.picture(folder / "roof.png")


def send(screens: Screens, number: str, did: str, text: str, picture: Path | None = None) -> None:
    """What the handset page posts."""
    page = screens.pages[0][1]
    form: dict[str, object] = {"did": did, "text": text}
    if picture:
        form["picture"] = {"name": picture.name, "mimeType": "image/png", "buffer": picture.read_bytes()}
    answer = page.request.post(f"{screens.portal.handset}/handset/{number}/texts", multipart=form)  # type: ignore[arg-type]
    assert answer.ok, answer.text()


def answer_all(agent: Page) -> None:
    """Names for those who have one, and short answers to some."""
    expect(agent.locator(".conv")).to_have_count(len(OPENING) + 15)
    for at, (number, name, _) in enumerate(OPENING):
        open_thread(agent, number)
        if name:
            agent.locator("#contact-name").fill(name)
            agent.get_by_role("button", name="Save name").click()
            expect(agent.locator("#thread-title")).to_have_text(name)
        if at % 3 == 2:
            reply(agent, "Thank you, we have it. Anything else we can do?")


def open_thread(agent: Page, number: str) -> None:
    shown = f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    agent.locator(".conv", has_text=shown).click()
    expect(agent.locator("#thread-title")).to_have_text(shown)


def reply(agent: Page, text: str, picture: Path | None = None) -> None:
    before = agent.locator(".msg.out").count()
    if picture:
        agent.locator("#composer input[type=file]").set_input_files(picture)
    agent.get_by_label("Text", exact=True).fill(text)
    agent.keyboard.press("Enter")
    expect(agent.locator(".msg.out")).to_have_count(before + 1)
    expect(agent.locator(".msg.out").last.locator(".state")).to_have_text("Delivered")


def main_thread(screens: Screens, agent: Page, folder: Path) -> None:
    """A roof that leaks, from the first word to the appointment."""
    number, did = "+17735550142", SALES[0]

    def hear(text: str, picture: Path | None = None) -> None:
        send(screens, number, did, text, picture)
        expect(agent.locator(".msg.in .bubble").last).to_have_text(text)

    send(screens, number, did, "Hi, I missed your call about the roof. Can we do this by text?")
    open_thread(agent, number)
    agent.locator("#contact-name").fill("Lakeview Tailors")
    agent.get_by_role("button", name="Save name").click()
    reply(agent, "Of course. Could you send a picture of where it comes in?")
    hear(HOUSE, folder / "roof.png")
    reply(agent, "That helps, thank you. Somebody can be there tomorrow between 9 and 11. Does that suit you?")
    hear("Yes, 9 is perfect. The bell does not work, please knock.")
    reply(agent, "Noted: tomorrow at 9, and we knock. You get a text when the van is on its way.")


def troubles(agent: Page) -> None:
    """Numbers that the sandbox does not reach, and a long text."""
    for ending, word in (("0001", "Failed"), ("0003", "Not delivered")):
        agent.goto(agent.url.split("/inbox/")[0] + "/inbox/new/")
        agent.get_by_label("To", exact=True).fill(f"(201) 555-{ending}")
        agent.get_by_label("Text", exact=True).fill("Good morning! Your appointment is tomorrow at 10. " * 5)
        agent.get_by_role("button", name="Send", exact=True).click()
        expect(agent.locator(".msg.out .state")).to_have_text(word)


def plan(screens: Screens, dialer: Page, agent: Page) -> list[tuple[str, Page, str, str]]:
    """(who, page, path, name of the picture)"""
    agent.goto(f"{screens.portal.url}/demo/inbox/")
    ids = {
        name: agent.locator(".conv", has_text=words).get_attribute("href") or ""
        for name, words in {
            "inbox": "Lakeview Tailors",
            "failed": "(201) 555-0001",
            "blocked": "(201) 555-0003",
            "doubt": "(303) 555-0117",
        }.items()
    }
    compliance, owner, supervisor = (screens.of(who) for who in ("compliance", "owner", "supervisor"))

    def link(page: Page, path: str, within: str) -> str:
        page.goto(f"{screens.portal.url}/demo/{path}")
        return page.locator(within).first.get_attribute("href") or ""

    return [
        ("agent1", agent, ids["inbox"], "inbox"),
        ("agent1", agent, ids["failed"], "failed"),
        ("agent1", agent, ids["blocked"], "blocked"),
        ("agent1", agent, "/demo/inbox/", "list"),
        ("agent1", agent, "/demo/inbox/new/", "new"),
        ("supervisor", supervisor, "/demo/inbox/", "supervisor"),
        ("compliance", compliance, ids["inbox"], "compliance"),
        ("supervisor", supervisor, ids["inbox"], "supervisor-thread"),
        ("compliance", compliance, "/demo/opt-outs/", "opt-outs"),
        ("supervisor", supervisor, "/demo/opt-outs/review/", "review"),
        ("agent1", agent, ids["doubt"], "doubt"),
        ("compliance", compliance, "/demo/opt-outs/import/", "opt-outs-import"),
        ("compliance", compliance, link(compliance, "opt-outs/", "tbody a"), "opt-out"),
        ("dialer", dialer, "/demo/dids/?q=404555016", "dids"),
        ("dialer", dialer, link(dialer, "dids/?q=4045550110", "#did-rows .name a"), "did"),
        ("dialer", dialer, link(dialer, "dids/?q=4045550166", "#did-rows .name a"), "did-refused"),
        ("dialer", dialer, "/demo/dids/import/", "import"),
        ("dialer", dialer, "/demo/dids/trunks/", "trunks"),
        ("dialer", dialer, "/demo/carriers/", "carriers"),
        ("dialer", dialer, "/demo/carriers/health/", "health"),
        ("dialer", dialer, link(dialer, "carriers/health/", ".panel-foot a"), "webhooks"),
        ("dialer", dialer, "/demo/carriers/connect/", "connect"),
        ("dialer", dialer, "/demo/carriers/connect/telnyx/", "connect-telnyx"),
        ("dialer", dialer, link(dialer, "carriers/", ".panel h2 a"), "carrier"),
        ("dialer", dialer, link(dialer, "dids/trunks/", "td.end a"), "trunk"),
        ("dialer", dialer, "/demo/dids/unknown/", "unknown"),
        ("owner", owner, "/demo/people/", "people"),
        ("owner", owner, link(owner, "people/", "tbody .name a"), "person"),
        ("owner", owner, "/demo/people/invite/", "invite"),
        ("owner", owner, "/demo/audit/?what=trunks.did", "audit"),
        ("owner", owner, "/me/", "me"),
    ]


def refusals(screens: Screens, dialer: Page, folder: Path) -> None:
    """A carrier that takes no key: the form says so, and so does an account whose key was changed over there."""
    dialer.goto(f"{screens.portal.url}/demo/carriers/connect/sandbox/")
    for field in dialer.locator("form.panel input[required]").all():
        field.fill("not the one")
    dialer.get_by_label("Address").fill(screens.portal.handset)
    dialer.get_by_role("button", name="Try and connect").click()
    expect(dialer.locator(".notice.is-wrong, .field-error").first).to_be_visible()
    keep(screens, "dialer", dialer, folder / "connect-refused")
    keys = ("api_key=old", "signing_secret=old", f"base_url={screens.portal.handset}")
    settings = [word for key in keys for word in ("--set", key)]
    manage(
        screens.portal, "carrier", "add", "sandbox", "--org", "demo", "--name", "East coast", "--no-check", *settings
    )
    dialer.goto(f"{screens.portal.url}/demo/carriers/")
    dialer.locator(".panel", has_text="East coast").get_by_role("button", name="Try the credentials").click()
    expect(dialer.locator(".panel", has_text="East coast")).to_contain_text("Does not answer")
    keep(screens, "dialer", dialer, folder / "carriers-refused")


def take(screens: Screens, who: str, page: Page, path: str, stem: Path) -> None:
    page.goto(screens.portal.url + path)
    keep(screens, who, page, stem)


def keep(screens: Screens, who: str, page: Page, stem: Path) -> None:
    """The page that is open, in both widths, light and dark."""
    for width, size in SIZES.items():
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for image in page.locator("#entries img").all():
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("complete", True)
        page.evaluate("document.getElementById('thread-scroll')?.scrollTo({ top: 0 })")
        screens.check(who, page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
            page.screenshot(path=f"{stem}-{width}-{scheme}.png")
        page.emulate_media(color_scheme="light")
    page.set_viewport_size(SIZES["1440"])  # type: ignore[arg-type]


def shrink(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        # The few points of a meaning's colour count as much as the many of a ground.
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(target, optimize=True)
    size = target.stat().st_size
    assert size < MAX_BYTES, f"{target} takes {size} bytes"
    print(f"{target}: {size} bytes")


if __name__ == "__main__":
    main()
