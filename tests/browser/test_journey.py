"""The main job on real input: from a carrier's list to a text that is delivered, answered, stopped and started."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import files
from tests.browser.running import Portal
from tests.browser.screens import Screens, mark, was_not_reloaded

DID = "+14045550161"
CUSTOMER = "+12015550147"
LADDER = ["Queued", "Sending", "Accepted", "Sent", "Delivered"]
# Every word of state that the bubble with the watched text ever shows.
LISTENER = """() => {
  const look = () => {
    for (const bubble of document.querySelectorAll("#entries .msg.out")) {
      const word = bubble.querySelector(".state")?.textContent.trim();
      if (!bubble.textContent.includes(window.watchedText) || window.seenStates.at(-1) === word) continue;
      window.seenStates.push(word);
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


def test_the_main_job(screens: Screens, portal: Portal, tmp_path: Path) -> None:
    dialer = screens.of("dialer", "dids/")
    import_numbers(screens, dialer, files.telnyx_export(tmp_path / "numbers.csv"))
    switch_texting_on(screens, dialer)
    give_to_sales(screens, dialer)
    see_the_trail(screens)
    agent = start_talking(screens, files.picture(tmp_path / "offer.png"))
    texts = ["Here is the offer we spoke about.", *watch_bubbles_climb(agent)]
    second = half_a_text_elsewhere(screens)
    handset = read_on_the_handset(screens, texts)
    answer(screens, agent, second, handset, files.picture(tmp_path / "house.png", colour="#8f4f2f"))
    stop_and_start(screens, agent, handset)
    count_what_the_carrier_took(portal, handset)


def import_numbers(screens: Screens, dialer: Page, export: Path) -> None:
    """Two steps: what it would do, with a reason for each bad row; then do it."""
    dialer.get_by_role("link", name="Import DIDs").click()
    dialer.get_by_label("Drop the list here, or choose it").set_input_files(export)
    expect(dialer.get_by_label("Carrier account").locator("option:checked")).to_have_text("Sandbox")
    screens.check("dialer", dialer)
    dialer.get_by_role("button", name="Look at it").click()

    expect(dialer.get_by_role("heading", level=1)).to_have_text("What the import would do")
    names, values = (dialer.locator(f".stat {part}").all_inner_texts() for part in ("dt", "dd"))
    figures = dict(zip(names, values, strict=True))
    # Of the 200 rows 7 are bad, and 6 are DIDs that the demo has.
    assert figures == {"New": "187", "Changed": "6", "Unchanged": "0", "Refused": "7", "Not in the file": "6"}
    table = dialer.locator("table", has=dialer.get_by_role("columnheader", name="Why it is refused"))
    reasons = [tuple(row.locator("td").all_inner_texts()) for row in table.locator("tbody tr").all()]
    assert reasons == [(str(at + 2), number or "(empty)", why) for at, (number, _, why) in sorted(files.BAD.items())]
    expect(dialer.get_by_text("New trunk: SIP West.")).to_be_visible()
    screens.check("dialer", dialer)

    dialer.get_by_role("button", name="Import 193 DIDs").click()
    expect(dialer.locator("#flash")).to_contain_text("Imported: 187 new, 6 changed. 7 rows were refused.")


def pick_the_sixties(dialer: Page) -> None:
    """Twenty DIDs, two of which the sandbox refuses to text-enable."""
    dialer.get_by_label("Trunk", exact=True).select_option(label="SIP West")
    dialer.get_by_label("Search number, label or tag").fill("555016")
    expect(dialer.locator(".pager")).to_contain_text("1–20 of 20")
    dialer.get_by_label("Select all on this page").check()
    expect(dialer.locator("[data-picked]")).to_have_text("20")


def text_state(dialer: Page, number: str) -> str:
    row = dialer.locator("#did-rows tr", has=dialer.get_by_role("link", name=number, exact=True))
    return " ".join(row.locator("[data-label=Texting]").inner_text().split())


def switch_texting_on(screens: Screens, dialer: Page) -> None:
    """Pending, then yes or no with the carrier's reason, on the page that stays open."""
    pick_the_sixties(dialer)
    dialer.get_by_role("button", name="Switch texting on").click()
    expect(dialer.locator("#flash")).to_contain_text("Asking the carrier to switch texting on for 20 DIDs.")
    mark(dialer)
    expect(dialer.locator("#did-rows .state.is-good", has_text="SMS and MMS")).to_have_count(18)
    expect(dialer.locator("#did-rows .state.is-wrong", has_text="Refused")).to_have_count(2)
    for number in ("(404) 555-0166", "(602) 555-0166"):
        assert text_state(dialer, number).startswith("Refused ")
        assert "other provider" in text_state(dialer, number)
    assert was_not_reloaded(dialer)
    screens.check("dialer", dialer)


def give_to_sales(screens: Screens, dialer: Page) -> None:
    dialer.get_by_label("Select all on this page").check()
    dialer.get_by_label("Assign to").select_option(label="Sales: whole team")
    dialer.get_by_role("button", name="Assign", exact=True).click()
    expect(dialer.locator("#flash")).to_contain_text("20 DIDs assigned to Sales.")
    expect(dialer.locator("#did-rows [data-label='Given to']", has_text="Sales")).to_have_count(20)
    dialer.get_by_role("link", name="(404) 555-0166", exact=True).click()
    expect(dialer.get_by_role("heading", level=1)).to_contain_text("(404) 555-0166")
    screens.check("dialer", dialer)


def see_the_trail(screens: Screens) -> None:
    """The owner reads who did it."""
    owner = screens.of("owner", "audit/")
    for action, subject in (
        ("trunks.dids.imported", "numbers.csv"),
        ("trunks.dids.assigned", "20 DIDs"),
        ("trunks.did.text_refused", "+14045550166"),
    ):
        expect(owner.locator("tr", has_text=action).filter(has_text=subject).first).to_be_visible()
    screens.check("owner", owner)


def start_talking(screens: Screens, picture: Path) -> Page:
    """A new conversation: only DIDs that text are offered, and the page is never loaded again."""
    agent = screens.of("agent1", "inbox/")
    mark(agent)
    screens.check("agent1", agent)
    agent.get_by_role("link", name="New conversation").first.click()
    offered = agent.get_by_label("From").locator("option")
    expect(offered).to_have_count(22)  # four of the demo's, and the twenty less the two that the carrier refused
    imported = {f"({area}) 555-016{n}" for area in (404, 602) for n in range(10) if n != 6}
    assert {words[:14] for words in offered.all_inner_texts()} - imported == {
        f"({area}) 555-0110" for area in (312, 404, 602, 646)
    }
    agent.get_by_label("From").select_option(label="(404) 555-0161 · Campaign 2")
    agent.get_by_label("To", exact=True).fill("(201) 555-0147")
    agent.get_by_label("Text", exact=True).fill("Here is the offer we spoke about.")
    agent.locator("input[type=file]").set_input_files(picture)
    expect(agent.locator("#pics-draft img")).to_be_visible()
    screens.check("agent1", agent)
    agent.get_by_role("button", name="Send", exact=True).click()

    bubble = agent.locator(".msg.out")
    expect(bubble.locator(".bubble")).to_have_text("Here is the offer we spoke about.")
    expect(bubble.locator("img")).to_have_js_property("complete", True)
    assert bubble.locator("img").evaluate("image => image.naturalWidth") > 0
    expect(bubble.locator(".state")).to_have_text("Delivered")
    assert was_not_reloaded(agent)
    return agent


def watch_bubbles_climb(agent: Page) -> list[str]:
    """Each climbs from queued to delivered, and sent is seen on the way. Returns the texts.

    The sandbox's receipts overtake each other one time in three, and then nobody ever sees that text as sent.
    """
    agent.evaluate(LISTENER)
    texts: list[str] = []
    seen: set[str] = set()
    while not set(LADDER) - {"Sending", "Accepted"} <= seen and len(texts) < 8:
        texts.append(f"It holds until Friday, {len(texts) + 9} o'clock.")
        seen |= set(watch_a_bubble_climb(agent, texts[-1]))
    assert {"Queued", "Sent", "Delivered"} <= seen
    assert was_not_reloaded(agent)
    return texts


def watch_a_bubble_climb(agent: Page, text: str) -> list[str]:
    agent.evaluate("text => { window.watchedText = text; window.seenStates = []; }", text)
    agent.get_by_label("Text", exact=True).fill(text)
    agent.keyboard.press("Enter")
    expect(agent.locator(".msg.out", has_text=text).locator(".state")).to_have_text("Delivered")
    seen: list[str] = agent.evaluate("window.seenStates")
    steps = [LADDER.index(word) for word in seen]
    assert steps == sorted(set(steps)), seen
    return seen


def half_a_text_elsewhere(screens: Screens) -> Page:
    """The second agent reads the same team's threads and is in the middle of a sentence to somebody else."""
    second = screens.of("agent2", "inbox/new/")
    second.get_by_label("To", exact=True).fill("(201) 555-0148")
    second.get_by_label("Text", exact=True).fill("Good morning, this is the second agent.")
    second.get_by_role("button", name="Send", exact=True).click()
    expect(second.locator(".msg.out .state")).to_have_text("Delivered")
    text = second.get_by_label("Text", exact=True)
    text.fill("Half a sentence")
    text.evaluate("field => { field.focus(); field.setSelectionRange(5, 8); }")
    mark(second)
    return second


def typing(page: Page) -> dict[str, object]:
    found: dict[str, object] = page.get_by_label("Text", exact=True).evaluate(
        """field => ({ words: field.value, at: [field.selectionStart, field.selectionEnd],
          isFocused: document.activeElement === field, ...field.getBoundingClientRect().toJSON() })"""
    )
    return found


def read_on_the_handset(screens: Screens, texts: list[str]) -> Page:
    handset = screens.handset(CUSTOMER, DID)
    theirs = handset.locator(".theirs")
    expect(theirs.locator(".words")).to_have_text(texts)
    expect(theirs.first.locator("img")).to_have_js_property("complete", True)
    assert theirs.first.locator("img").evaluate("image => image.naturalWidth") > 0
    return handset


def answer(screens: Screens, agent: Page, second: Page, handset: Page, picture: Path) -> None:
    """In the open thread of one agent and the list of another, who goes on typing."""
    before = typing(second)
    handset.get_by_label("Text", exact=True).fill("Thanks! This is my house.")
    handset.locator("#handset-picture").set_input_files(picture)
    handset.get_by_role("button", name="Send").click()

    incoming = agent.locator(".msg.in")
    expect(incoming.locator(".bubble")).to_have_text("Thanks! This is my house.")
    expect(incoming.locator("img")).to_have_js_property("complete", True)
    assert incoming.locator("img").evaluate("image => image.naturalWidth") > 0
    row = second.locator(".conv", has_text="(201) 555-0147")
    expect(row.locator(".count")).to_have_text("1 unread")
    expect(row).to_contain_text("Thanks! This is my house.")
    handset.get_by_label("Text", exact=True).fill("Second floor.")
    handset.keyboard.press("Enter")
    expect(row.locator(".count")).to_have_text("2 unread")
    expect(second).to_have_title(re.compile(r"^\(1\) "))
    expect(incoming).to_have_count(2)
    assert typing(second) == before
    assert was_not_reloaded(agent)
    assert was_not_reloaded(second)
    screens.check("agent1", agent)
    screens.check("agent2", second)
    screens.check_focus("agent1", agent)


def stop_and_start(screens: Screens, agent: Page, handset: Page) -> None:
    """The open page closes its composer and says why; START opens it again."""
    handset.get_by_role("button", name="STOP").click()
    closed = agent.locator(".composer-closed")
    expect(closed).to_contain_text("opted out")
    expect(agent.get_by_label("Text", exact=True)).to_have_count(0)
    expect(handset.locator(".theirs .words").last).to_contain_text("unsubscribed")
    screens.check("agent1", agent)
    handset.get_by_role("button", name="START").click()
    expect(agent.get_by_label("Text", exact=True)).to_be_visible()
    expect(closed).to_have_count(0)
    expect(handset.locator(".theirs .words").last).to_contain_text("receive our texts again")
    expect(agent.locator(".msg.out .bubble").last).to_contain_text("receive our texts again")
    agent.get_by_label("Text", exact=True).fill("Welcome back.")
    agent.keyboard.press("Enter")
    expect(handset.locator(".theirs .words").last).to_have_text("Welcome back.")
    assert was_not_reloaded(agent)


def count_what_the_carrier_took(portal: Portal, handset: Page) -> None:
    """By the sandbox's own book: each text once, and one confirmation."""
    lines = [json.loads(line) for line in (portal.data / "sandbox.jsonl").read_text().splitlines()]
    taken = [line["text"] for line in lines if line["kind"] == "text" and line["to_number"] == CUSTOMER]
    confirmations = [text for text in taken if "unsubscribed" in text]
    assert len(confirmations) == 1
    assert sorted(set(taken)) == sorted(taken)
    assert handset.locator(".theirs", has_text="unsubscribed").count() == 1
