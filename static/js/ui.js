// Small behaviours of every page. All by delegation from the document, so that swapped-in parts need no wiring,
// and all optional: without this file links and forms still work.

// Theme: the choice is a cookie, because the server writes data-theme and the first paint is right.
function chooseTheme(choice) {
  const age = choice ? 60 * 60 * 24 * 365 : 0;
  document.cookie = `theme=${choice}; path=/; max-age=${age}; samesite=lax`;
  if (choice) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
}

// Dialogs: an htmx answer into #dialog opens it; the server closes it with the event "dialog:close".
function openKeys() {
  const keys = document.getElementById("keys");
  const extra = document.getElementById("page-keys");
  if (!keys || keys.open) return;
  keys.querySelector("[data-page-keys]").replaceChildren(...(extra ? [extra.content.cloneNode(true)] : []));
  keys.querySelector("[data-single-keys]").checked = singleKeys();
  keys.showModal();
}

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target;
  if (dialog?.id !== "dialog") return;
  const hasContent = dialog.childElementCount > 0;
  if (hasContent && !dialog.open) dialog.showModal();
  if (!hasContent && dialog.open) dialog.close();
});
document.addEventListener("dialog:close", () => document.getElementById("dialog")?.close());

document.addEventListener("click", (event) => {
  const target = event.target;
  const theme = target.closest("[data-theme-choice]");
  if (theme) chooseTheme(theme.dataset.themeChoice);

  const opener = target.closest("[data-opens]");
  if (opener) {
    closeMenus();
    if (opener.dataset.opens === "keys") openKeys();
    else document.getElementById(opener.dataset.opens)?.showModal();
  }
  if (target.closest("[data-closes]")) target.closest("dialog")?.close();
  if (target instanceof HTMLDialogElement && isOutside(target, event)) target.close();
  if (target.closest("[data-dismiss]")) target.closest(".toast, .notice, .banner")?.remove();

  if (target.closest("[popover] a")) target.closest("[popover]").hidePopover();
  closeMenus(target.closest(".menu"), Boolean(target.closest(".menu-list :is(a, button:not([data-theme-choice]))")));

  const copies = target.closest("[data-copies]");
  if (copies) copy(copies);
});

function isOutside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copies);
  const word = button.querySelector("[data-word]") || button;
  const before = word.textContent;
  word.textContent = "Copied";
  setTimeout(() => { word.textContent = before; }, 1600);
}

// Menus are <details>: they open without script, and close here when one looks elsewhere.
function closeMenus(except = null, chosen = false) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except || chosen) menu.open = false;
  }
}

// A message leaves by itself, unless it is bad news, offers an undo, or is being read.
const TOAST_SECONDS = 8;
function watchToasts() {
  for (const toast of document.querySelectorAll(".toast:not([data-stays], [data-watched])")) {
    toast.dataset.watched = "";
    const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove());
    setTimeout(leave, TOAST_SECONDS * 1000);
  }
}
watchToasts();
document.addEventListener("htmx:oobAfterSwap", watchToasts);
document.addEventListener("htmx:afterSettle", watchToasts);

// Tick boxes: the one in the head ticks all rows; [data-picked] tells how many.
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches("[data-single-keys]")) localStorage.setItem("single-keys", box.checked ? "on" : "off");
  const form = box.closest("form");
  if (!form || !box.closest(".pick")) return;
  const rows = [...form.querySelectorAll("td.pick input")];
  const all = form.querySelector("th.pick input");
  if (box === all) rows.forEach((row) => { row.checked = all.checked; });
  const picked = rows.filter((row) => row.checked).length;
  if (all) {
    all.checked = picked > 0 && picked === rows.length;
    all.indeterminate = picked > 0 && picked < rows.length;
  }
  for (const word of form.querySelectorAll("[data-picked]")) word.textContent = String(picked);
});

// Rows that are drawn anew keep their ticks, also those made while the answer was on its way.
let ticked = new Set();
document.addEventListener("htmx:beforeSwap", (event) => {
  const rows = event.detail.target;
  if (!rows?.matches("tbody")) return;
  ticked = new Set([...rows.querySelectorAll("td.pick :checked")].map((box) => box.value));
});
document.addEventListener("htmx:load", (event) => {
  if (!event.target.matches("tbody")) return;
  for (const box of event.target.querySelectorAll("td.pick input")) box.checked = ticked.has(box.value);
});

// htmx looks for the other parts of an answer (hx-swap-oob) around the element that asked. When news has replaced that
// element meanwhile, it waits in the wings, so that the parts find the page.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, xhr } = event.detail;
  const wings = document.createElement("div");
  wings.hidden = true;
  xhr.addEventListener("readystatechange", () => {
    if (xhr.readyState !== XMLHttpRequest.DONE || elt.isConnected) return;
    wings.append(elt);
    document.body.append(wings);
  });
  xhr.addEventListener("loadend", () => wings.remove());
});

// Drop zones: a file let go over the label is the input's file.
for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.(".drop, [data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("is-over", over);
    const input = zone.querySelector('input[type="file"]');
    if (kind !== "drop" || !input) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// Keys. data-key="c" (or "g i", one after the other) on a link, button or field follows, presses or focuses it.
let firstKey = "";
let forgetFirstKey = 0;
const singleKeys = () => localStorage.getItem("single-keys") !== "off";
const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function press(element) {
  if (element.matches("input, textarea, select")) element.focus();
  else element.click();
}

function moveInList(step) {
  const list = document.querySelector("[data-key-list]");
  const stops = list ? [...list.querySelectorAll("[data-key-stop], a.conv")] : [];
  if (!stops.length) return false;
  const at = stops.findIndex((stop) => stop === document.activeElement);
  const from = at >= 0 ? at : stops.findIndex((stop) => stop.hasAttribute("aria-current"));
  stops[Math.max(0, Math.min(stops.length - 1, from + step))].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = document.activeElement.closest("details.menu[open]");
    closeMenus();
    open?.querySelector("summary").focus();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("form[data-ctrl-enter]");
    if (form) { event.preventDefault(); form.requestSubmit(); }
    return;
  }
  if (event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || !singleKeys()) return;
  if (document.querySelector("dialog[open]")) return;
  if (handleKey(event.key)) event.preventDefault();
});

function findByKey(keys) {
  const elements = [...document.querySelectorAll("[data-key]")];
  return elements.find((element) => element.dataset.key === keys && element.checkVisibility());
}

function handleKey(key) {
  const match = findByKey(firstKey ? `${firstKey} ${key}` : key);
  firstKey = "";
  if (match) { press(match); return true; }
  if (key === "?") { openKeys(); return true; }
  if (key === "j" || key === "k") return moveInList(key === "j" ? 1 : -1);
  firstKey = key;
  clearTimeout(forgetFirstKey);
  forgetFirstKey = setTimeout(() => { firstKey = ""; }, 1000);
  return false;
}

// A passkey that did not work says so beside its button instead of in the console.
document.addEventListener("allauth.error", (event) => {
  const place = document.getElementById("passkey-error");
  if (!place) return;
  event.preventDefault();
  const cancelled = event.detail.exception?.name === "NotAllowedError";
  place.textContent = cancelled
    ? "The browser got no passkey: it was cancelled, or took too long. Try again."
    : "This browser could not use a passkey here. Sign in another way.";
  place.hidden = false;
});

// On a phone the tabs slide: the one that is open is in sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) tab.scrollIntoView({ block: "nearest" });
