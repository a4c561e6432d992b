// The inbox: lines of a thread that come and change without a jump, and a composer that never loses what was typed.
// Everything works by delegation from the document, so that panes may be swapped freely; without this file the pages
// still work by links and forms.

const $ = (id) => document.getElementById(id);

// --- Swapping: hx-swap="merge" puts each line in its place and leaves unchanged ones alone ---

htmx.defineExtension("merge", {
  isInlineSwap: (style) => style === "merge",
  handleSwap(style, target, fragment) {
    if (style !== "merge") return false;
    const fresh = fragment.querySelector("#entries");
    return fresh && target.id === "entries" && target.isConnected ? holdingStill(() => merge(target, fresh)) : [];
  },
});

// An answer that comes after the thread was left belongs to no thread on the screen.
document.addEventListener("htmx:beforeSwap", (event) => {
  const asked = event.detail.requestConfig?.elt;
  if (asked && !asked.isConnected && asked.closest("#thread")) event.detail.shouldSwap = false;
});

function merge(list, fresh) {
  const isEarlier = fresh.hasAttribute("data-earlier");
  const lines = [...fresh.children];
  $("no-texts")?.remove();
  if (isEarlier) $("earlier")?.remove();
  else if (!lines.some((line) => line.id.startsWith("m") && $(line.id))) list.replaceChildren(); // too much was missed
  const isFirst = !list.children.length;
  const added = [];
  let next = isEarlier ? list.firstElementChild : null;
  for (const line of lines.reverse()) {
    if (line.id === "earlier" && !isEarlier && !isFirst) continue;
    next = place(list, line, next, isEarlier, added);
  }
  if (!isEarlier && added.some((line) => line.matches(".msg"))) arrived(added);
  return added;
}

// The line where it belongs: an unchanged one stays, a changed one is replaced, a new one is put before `next`.
function place(list, line, next, isEarlier, added) {
  const old = $(line.id);
  if (old && isEarlier) {
    if (next === old) next = old.nextElementSibling;
    old.remove(); // a day that began on the earlier page
  } else if (old && old.dataset.version === line.dataset.version) {
    return old;
  } else if (old) {
    old.replaceWith(line);
    htmx.process(line);
    return line;
  }
  list.insertBefore(line, next);
  added.push(line);
  return line;
}

// Whoever reads older texts keeps them where they are on the screen.
function holdingStill(change) {
  const scroller = $("thread-scroll");
  const isAtNewest = !scroller || Math.abs(scroller.scrollTop) < 40; // the column is reversed: 0 is its end
  const top = scroller?.getBoundingClientRect().top ?? 0;
  const anchor = [...($("entries")?.children ?? [])].find((line) => line.getBoundingClientRect().bottom > top);
  const before = anchor?.getBoundingClientRect().top;
  const added = change();
  if (isAtNewest) scroller?.scrollTo({ top: 0 });
  else if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  return added;
}

// --- News in the open thread ---

let isUnseen = false;

function arrived(lines) {
  const isOurs = lines.every((line) => !line.matches(".msg.in"));
  const scroller = $("thread-scroll");
  if (Math.abs(scroller.scrollTop) >= 40) $("news").hidden = false;
  if (isOurs) return;
  isUnseen = true;
  see();
}

function see() {
  if (!isUnseen || document.hidden || !$("read")) return;
  isUnseen = false;
  htmx.trigger("#read", "thread:seen");
}

document.addEventListener("visibilitychange", see);

function toNewest() {
  $("thread-scroll")?.scrollTo({ top: 0 });
  const news = $("news");
  if (news) news.hidden = true;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#news")) toNewest();
});
document.addEventListener("scroll", (event) => {
  if (event.target.id === "thread-scroll" && Math.abs(event.target.scrollTop) < 40 && $("news")) $("news").hidden = true;
}, { capture: true, passive: true });

// --- Panes: which one a phone shows, which row is open, what the window is called ---

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "thread") threadOpened();
  showUnread();
});

function threadOpened() {
  isUnseen = false;
  const open = $("thread").dataset.thread;
  $("panes").dataset.pane = open || $("composer") ? "thread" : "list";
  document.querySelector(".conv[aria-current]")?.removeAttribute("aria-current");
  $(`conv-${open}`)?.setAttribute("aria-current", "true");
  showRead();
}

function showRead() {
  const row = $(`conv-${$("thread").dataset.thread}`);
  row?.classList.remove("is-unread");
  row?.querySelector(".count")?.remove();
}

function showUnread() {
  const unread = $("folders")?.dataset.unread;
  const name = document.title.replace(/^\(\d+\+?\) /, "");
  const title = unread ? `(${unread}) ${name}` : name;
  if (title !== document.title) document.title = title;
}

// --- The composer ---

const composer = () => document.querySelector("form[data-composer]");

// Drafts live as long as the tab, under the person and the thread they belong to.
const draftKey = (form) => (form?.dataset.draft ? `draft.${form.dataset.draft}` : "");

function keepDraft(form) {
  const key = draftKey(form);
  if (!key) return;
  if (form.elements.body.value) sessionStorage.setItem(key, form.elements.body.value);
  else sessionStorage.removeItem(key);
}

function bringDraft() {
  const form = composer();
  const draft = draftKey(form) && sessionStorage.getItem(draftKey(form));
  if (!draft || form.elements.body.value) return;
  form.elements.body.value = draft;
  form.elements.body.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("input", (event) => {
  if (event.target.id === "body") keepDraft(event.target.form);
});
document.addEventListener("htmx:load", bringDraft);

// Enter sends; with Shift it is a new line; while an input method composes it belongs to that.
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "body" || !event.target.form?.matches("[data-composer]")) return;
  if (event.key === "Escape") event.target.blur();
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  event.preventDefault();
  const button = event.target.form.querySelector("button[type=submit]");
  if (!button.disabled) event.target.form.requestSubmit(button);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches("[data-composer]")) return;
  form.elements.body.readOnly = true;
  $("reply-errors").replaceChildren();
  const { xhr } = event.detail;
  xhr.addEventListener("load", () => {
    if (xhr.getResponseHeader("HX-Trigger")?.includes("reply:sent")) sessionStorage.removeItem(draftKey(form));
  });
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (form.id === "read" && event.detail.successful) showRead();
  if (!form.matches("[data-composer]")) return;
  form.elements.body.readOnly = false;
  if (!event.detail.xhr?.status) sayNotSent("The portal could not be reached. Your text is still here; send it again.");
  else if (event.detail.failed) sayNotSent("Something went wrong. Your text is still here; send it again.");
});

function sayNotSent(sentence) {
  const line = document.createElement("p");
  line.className = "field-error";
  line.textContent = sentence;
  $("reply-errors")?.replaceChildren(line);
}

// Sent: an empty composer with a key of its own, ready for the next text. The event names the new key.
document.addEventListener("reply:sent", (event) => {
  const form = event.target;
  form.elements.body.value = "";
  form.elements.key.value = event.detail.key;
  form.elements.body.readOnly = false;
  if (form.elements.pictures) form.elements.pictures.value = "";
  drawPictures(form);
  keepDraft(form);
  form.elements.body.dispatchEvent(new Event("input", { bubbles: true }));
  form.elements.body.focus();
  toNewest();
});

// --- Pictures: chosen, dropped or pasted ---

let previews = [];

function drawPictures(form) {
  previews.forEach((url) => URL.revokeObjectURL(url));
  const files = [...(form.elements.pictures?.files ?? [])];
  previews = files.map((file) => URL.createObjectURL(file));
  const place = $("pics-draft");
  place.hidden = !files.length;
  place.replaceChildren(...files.map((file, at) => preview(file, previews[at], at)));
}

function preview(file, url, at) {
  const box = document.createElement("div");
  const image = document.createElement("img");
  image.src = url;
  image.alt = file.name;
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.removesPicture = String(at);
  button.setAttribute("aria-label", `Remove ${file.name}`);
  button.textContent = "×";
  box.append(image, button);
  return box;
}

function setPictures(input, files) {
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  input.files = transfer.files;
  drawPictures(input.form);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-composer] .pics-input")) drawPictures(event.target.form);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-removes-picture]");
  const input = button && composer()?.elements.pictures;
  if (!input) return;
  setPictures(input, [...input.files].filter((_, at) => at !== Number(button.dataset.removesPicture)));
  input.form.elements.body.focus();
});
document.addEventListener("paste", (event) => {
  const input = event.target.closest?.("[data-composer]")?.elements.pictures;
  const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
  if (!input || !files.length) return;
  event.preventDefault();
  setPictures(input, [...input.files, ...files]);
});

bringDraft();
