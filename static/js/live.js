// News for the screen: one event stream a browser, not a tab, because a browser opens six connections to a host at most.
// Tabs elect a leader (Web Locks) that holds the stream and passes what it hears to the others (BroadcastChannel).
//
// What it becomes, on document.body, for hx-trigger="live:thread:12 from:body":
//   live:<kind> and live:<kind>:<ref>   something changed; detail.refs says what
//   live:resync                         something may have been missed: fetch what is shown
// Without a stream the page says so and asks slowly.

const url = document.body.dataset.liveUrl;
const name = `live:${url}`;
const LOST_AFTER = 5; // seconds without a stream before the page says so
const POLL_EVERY = 20;
const SILENT_AFTER = 40; // the server says something every 15 seconds
const ASLEEP_AFTER = 90; // browsers let timers of hidden tabs run once a minute
const ANSWER_WITHIN = 3;
const LONGEST_PAUSE = 30;
const SETTLED_AFTER = 1000; // milliseconds; htmx takes 20

const channel = window.BroadcastChannel ? new BroadcastChannel(name) : null;
let source = null; // the leader's EventSource
let leading = false;
let stopLeading = () => {};
let tries = 0;
let lost = false;
const me = Math.random().toString(36);
const underWay = new Map(); // for each request of a part: what was dispatched meanwhile
const timers = { silence: 0, retry: 0, lost: 0, poll: 0, answer: 0 };

function dispatch(kind, refs = []) {
  for (const heard of underWay.values()) heard.push([kind, refs]);
  tell(kind, refs);
}

function tell(kind, refs) {
  const detail = { refs };
  document.body.dispatchEvent(new CustomEvent(`live:${kind}`, { detail }));
  for (const ref of refs) document.body.dispatchEvent(new CustomEvent(`live:${kind}:${ref}`, { detail }));
}

// An element that is still on its way would miss what is dispatched now, and so would the heir of one that replaces
// itself: they are told when they are there. One that listens and stays has queued it already.
document.addEventListener("htmx:beforeRequest", ({ detail: { xhr, requestConfig } }) => {
  if (requestConfig.verb !== "get") return;
  underWay.set(xhr, []);
  xhr.addEventListener("loadend", () => setTimeout(() => underWay.delete(xhr), SETTLED_AFTER)); // also when nothing came
});
document.addEventListener("htmx:afterSettle", ({ detail: { elt, xhr } }) => {
  const heard = underWay.get(xhr) ?? [];
  underWay.delete(xhr);
  if (elt.isConnected && elt.matches("[hx-trigger*='live:']")) return;
  for (const [kind, refs] of heard) tell(kind, refs);
});

// --- Every tab ---

function hear(message) {
  if (message.to && message.to !== me) return;
  clearTimeout(timers.answer);
  if (message.lost !== undefined) showLost(message.lost);
  if (message.kind === "access") location.reload();
  else if (message.kind) dispatch(message.kind, message.refs);
}

function showLost(isLost) {
  lost = isLost;
  const banner = document.getElementById("connection");
  if (banner) banner.hidden = !lost;
  clearInterval(timers.poll);
  if (lost) timers.poll = setInterval(() => { if (!document.hidden) dispatch("resync"); }, POLL_EVERY * 1000);
}

function tellAll(message) {
  hear(message);
  channel?.postMessage(message);
}

// --- The leader ---

function lead() {
  leading = true;
  open();
  return new Promise((resolve) => { stopLeading = resolve; });
}

function open() {
  clearTimeout(timers.retry);
  source?.close();
  source = new EventSource(url);
  source.onerror = lose;
  for (const kind of ["resync", "access", "alive", ...kinds()]) source.addEventListener(kind, take);
  listenForSilence();
}

// EventSource calls only the listeners of names it was given. The page may ask for more (data-live-kinds on body).
function kinds() {
  return ["thread", "inbox", "dids", "carriers", "campaigns", "opt-outs", "reviews", "people", "health",
    ...(document.body.dataset.liveKinds || "").split(" ").filter(Boolean)];
}

function take(event) {
  listenForSilence();
  if (timers.lost || tries) found();
  if (event.type !== "alive") tellAll({ kind: event.type, refs: JSON.parse(event.data).refs });
}

function listenForSilence() {
  clearTimeout(timers.silence);
  timers.silence = setTimeout(lose, SILENT_AFTER * 1000);
}

function lose() {
  clearTimeout(timers.silence);
  source?.close();
  const pause = Math.min(2 ** tries++, LONGEST_PAUSE) * (0.5 + Math.random());
  clearTimeout(timers.retry);
  timers.retry = setTimeout(open, pause * 1000);
  timers.lost ||= setTimeout(() => tellAll({ lost: true }), LOST_AFTER * 1000);
}

function found() {
  tries = 0;
  clearTimeout(timers.lost);
  timers.lost = 0;
  tellAll({ lost: false });
}

function retire() {
  leading = false;
  clearTimeout(timers.silence);
  clearTimeout(timers.retry);
  clearTimeout(timers.lost);
  timers.lost = 0;
  source?.close();
  stopLeading();
}

// --- The election ---

function elect(options = {}) {
  navigator.locks.request(name, options, lead).catch((error) => {
    if (error.name !== "AbortError") throw error;
    retire(); // another tab took the lead because this one slept
    elect();
  });
}

// A tab that joins, or wakes, asks whether somebody leads; silence means that the leader sleeps.
function ask() {
  channel.postMessage({ hello: me });
  timers.answer = setTimeout(() => { if (!leading) elect({ steal: true }); }, ANSWER_WITHIN * 1000);
}

if (channel) {
  channel.onmessage = ({ data }) => {
    if (!data.hello) hear(data);
    else if (leading) channel.postMessage({ to: data.hello, kind: "resync", refs: [], lost });
  };
}

// --- Sleep ---

let seen = Date.now();
let slept = false;
function wake() {
  slept ||= Date.now() - seen > ASLEEP_AFTER * 1000;
  seen = Date.now();
  if (document.hidden || !slept) return;
  slept = false;
  dispatch("resync");
  if (leading) open();
  else if (channel) ask();
}

function start() {
  setInterval(wake, 10_000);
  document.addEventListener("visibilitychange", wake);
  if (navigator.locks && channel) {
    elect();
    ask();
  } else {
    lead();
  }
}

// Not before htmx knows what the page listens for; it reads the page at the same moment, and was there first.
if (url) document.addEventListener("DOMContentLoaded", start, { once: true });
