// How many texts a message takes, live under the composer. The rules are those of messaging/segments.py; both are held
// to the same vectors.
//
//   <textarea data-segments data-segments-meter="#meter" data-segments-max="10"></textarea>
//   <div id="meter"></div>
//
// The meter gets `data-state`: "ok", "long" (more than 3 texts) or "too-long" (more than the maximum).

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENSION = new Set("\f^{}\\[~]|€");
const CAPACITY = { "GSM-7": [160, 153], "UCS-2": [70, 67] };
const LONG = 3;

const LOOK_ALIKES = lookAlikes();

function lookAlikes() {
  const map = new Map();
  for (let code = 0x21; code < 0x7f; code += 1) {
    map.set(String.fromCodePoint(code + 0xfee0), String.fromCodePoint(code));
  }
  const capitals = "ABCDEFGHIJKLMNOPRSTUVWYZ";
  [..."ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"].forEach((small, place) => map.set(small, capitals[place]));
  const groups = {
    '"': "“”„‟«»ʺˮ❝❞〝〞＂″‶",
    "'": "‘’‛ʻʼ´`ˈˊˋ＇｀′‵",
    "-": "–—‐‑―⁃•−－",
    "/": "÷⁄∕⧸／",
    ",": "‚、，﹐",
    "<": "‹",
    ">": "›",
    "~": "˜∼～\u0303",
    " ":
      "\u00a0\t\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
      "\u202f\u205f\u3000\u2028\u2029",
    "": "\u200b\u200c\u2060\ufeff",
  };
  for (const [simple, characters] of Object.entries(groups)) {
    for (const character of characters) map.set(character, simple);
  }
  for (const [character, simple] of [["…", "..."], ["½", "1/2"], ["¼", "1/4"], ["¾", "3/4"], ["‼", "!!"]]) {
    map.set(character, simple);
  }
  return map;
}

export function normalize(text) {
  return text.replaceAll("\r\n", "\n").normalize("NFC");
}

// {encoding, segments, units, left, offenders}; the text is counted exactly as given.
export function count(text) {
  const characters = [...text];
  const offenders = [...new Set(characters)].filter((c) => !BASIC.has(c) && !EXTENSION.has(c));
  const encoding = offenders.length ? "UCS-2" : "GSM-7";
  const sizes = characters.map((c) => (offenders.length ? c.length : EXTENSION.has(c) ? 2 : 1));
  const units = sizes.reduce((sum, size) => sum + size, 0);
  const [single, each] = CAPACITY[encoding];
  if (units <= single) return { encoding, segments: units ? 1 : 0, units, left: single - units, offenders };
  let segments = 1;
  let filled = 0;
  for (const size of sizes) {
    if (filled + size > each) {
      segments += 1;
      filled = 0;
    }
    filled += size;
  }
  return { encoding, segments, units, left: each - filled, offenders };
}

export function plain(text) {
  const normal = normalize(text);
  if (!count(normal).offenders.length) return normal;
  return normalize([...normal].map((c) => LOOK_ALIKES.get(c) ?? c).join(""));
}

// --- The meter ---

const INVISIBLE = { "\t": "tab", "\u00a0": "no-break space", "\u200d": "joiner", "\ufe0f": "emoji style" };

function shown(character) {
  if (character in INVISIBLE) return INVISIBLE[character];
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return character;
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function texts(number) {
  return number === 1 ? "1 text" : `${number} texts`;
}

function update(area) {
  const counted = count(normalize(area.value));
  const most = Number(area.dataset.segmentsMax || 10);
  const tooLong = counted.segments > most;
  area.setCustomValidity(tooLong ? `This takes ${counted.segments} texts; a message takes ${most} at most.` : "");
  const meter = document.querySelector(area.dataset.segmentsMeter);
  if (!meter) return;
  meter.dataset.state = tooLong ? "too-long" : counted.segments > LONG ? "long" : "ok";
  meter.replaceChildren(
    element("span", "segments-count", `${texts(counted.segments)} · ${counted.left} left`),
    ...explanation(area, counted.offenders),
  );
}

function explanation(area, offenders) {
  if (!offenders.length) return [];
  const characters = offenders.slice(0, 8).flatMap((c) => [" ", element("kbd", "", shown(c))]);
  const why = element("span", "segments-why", "Shorter texts because of");
  why.append(...characters, offenders.length > 8 ? ` and ${offenders.length - 8} more` : "");
  if (!offenders.some((c) => LOOK_ALIKES.has(c))) return [why];
  const button = element("button", "segments-plain", "Make plain");
  button.type = "button";
  button.addEventListener("click", () => makePlain(area));
  return [why, button];
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// Replaces as if typed, so that the browser's own undo takes it back; the cursor stays where it was in the sentence.
function makePlain(area) {
  const simple = plain(area.value);
  const cursor = plain(area.value.slice(0, area.selectionStart)).length;
  area.focus();
  area.select();
  if (!document.execCommand("insertText", false, simple)) {
    area.setRangeText(simple);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  area.setSelectionRange(cursor, cursor);
}

function updateAll() {
  document.querySelectorAll("textarea[data-segments]").forEach(update);
}

if (typeof document !== "undefined") {
  document.addEventListener("input", (event) => {
    if (event.target.matches("textarea[data-segments]")) update(event.target);
  });
  document.addEventListener("reset", () => setTimeout(updateAll)); // the fields are emptied after the event
  document.addEventListener("htmx:load", updateAll);
  window.addEventListener("pageshow", updateAll);
  updateAll();
}
