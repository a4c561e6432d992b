"use strict";

const part = (name) => document.getElementById(`handset-${name}`);
const E164 = /^\+[1-9][0-9]{6,14}$/;
let line = 0; // counts changes of the line; an older watcher stops when it differs

function chosen() {
  const number = part("number").value.trim();
  const did = part("did").value.trim();
  return E164.test(number) && E164.test(did) ? { number, did } : null;
}

function say(sentence) {
  part("status").textContent = sentence;
}

function picture(media) {
  if (!media.picture) {
    const link = document.createElement("a");
    link.href = media.url;
    link.textContent = `File (${media.type})`;
    return link;
  }
  const image = document.createElement("img");
  image.src = media.url;
  image.alt = "Picture";
  image.addEventListener("load", toEnd);
  return image;
}

function bubble(text) {
  const item = document.createElement("li");
  item.className = `bubble ${text.mine ? "mine" : "theirs"}`;
  item.dataset.id = text.id;
  item.append(...text.media.map(picture));
  const words = document.createElement("span");
  words.className = "words";
  words.textContent = text.text;
  const time = document.createElement("time");
  const at = new Date(text.at_ms);
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  item.append(words, time);
  return item;
}

function toEnd() {
  const thread = part("thread");
  thread.scrollTop = thread.scrollHeight;
}

function show(texts) {
  const thread = part("thread");
  const known = new Map([...thread.children].map((item) => [item.dataset.id, item]));
  thread.replaceChildren(...texts.map((text) => known.get(text.id) ?? bubble(text)));
  part("empty").textContent = "No texts yet. Write one, or wait for one.";
  toEnd();
}

async function answerOf(response) {
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `The sandbox answered ${response.status}.`);
  return answer;
}

async function watch(pair, mine) {
  let seen = "";
  while (mine === line) {
    try {
      const query = new URLSearchParams({ did: pair.did, seen });
      const answer = await answerOf(await fetch(`/handset/${encodeURIComponent(pair.number)}/thread?${query}`));
      if (mine !== line) return;
      if (answer.seen !== seen) show(answer.data);
      if (part("status").textContent.startsWith("No connection")) say("");
      seen = answer.seen;
    } catch (error) {
      if (mine !== line) return;
      say(error instanceof TypeError ? "No connection to the sandbox. Trying again." : error.message);
      await new Promise((resume) => setTimeout(resume, 2000));
    }
  }
}

function open() {
  const pair = chosen();
  line += 1;
  part("thread").replaceChildren();
  if (!pair) return;
  say("");
  try {
    localStorage.setItem("handset-number", pair.number);
  } catch {
    // A browser that keeps nothing only forgets the number.
  }
  const query = new URLSearchParams({ did: pair.did });
  history.replaceState(null, "", `/handset/${encodeURIComponent(pair.number)}?${query}`);
  watch(pair, line);
}

async function send(text, file) {
  const pair = chosen();
  if (!pair) {
    say("Pick both numbers first.");
    return false;
  }
  const form = new FormData();
  form.append("did", pair.did);
  form.append("text", text);
  if (file) form.append("picture", file);
  try {
    await answerOf(await fetch(`/handset/${encodeURIComponent(pair.number)}/texts`, { method: "POST", body: form }));
    say("");
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

function attached() {
  const file = part("picture").files[0];
  part("attached").hidden = !file;
  part("attached").firstElementChild.textContent = file ? file.name : "";
}

function detach() {
  part("picture").value = "";
  attached();
}

async function offerDids() {
  const answer = await answerOf(await fetch("/handset-dids"));
  const options = answer.data.map((row) => {
    const option = document.createElement("option");
    option.value = row.number;
    option.label = row.enabled ? row.account : `${row.account} (texting is off)`;
    return option;
  });
  part("dids").replaceChildren(...options);
  if (!part("did").value && answer.data.length) part("did").value = answer.data[0].number;
}

function startNumber() {
  const named = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  try {
    return named || localStorage.getItem("handset-number") || "+12015550123";
  } catch {
    return named || "+12015550123";
  }
}

async function start() {
  part("line").addEventListener("submit", (event) => { event.preventDefault(); open(); });
  part("number").addEventListener("change", open);
  part("did").addEventListener("change", open);
  part("picture").addEventListener("change", attached);
  part("detach").addEventListener("click", detach);
  for (const name of ["stop", "start", "help"]) {
    part(name).addEventListener("click", (event) => send(event.currentTarget.value));
  }
  part("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      part("form").requestSubmit();
    }
  });
  part("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = part("text").value;
    part("send").disabled = true;
    if (await send(text, part("picture").files[0])) {
      part("text").value = "";
      detach();
    }
    part("send").disabled = false;
  });
  part("number").value = startNumber();
  part("did").value = new URLSearchParams(location.search).get("did") ?? "";
  await offerDids().catch((error) => say(error.message));
  open();
}

start();
