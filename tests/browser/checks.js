// What a screen promises to everybody, asked of the screen that is open. Returns sentences; none when all is well.
async () => {
  const problems = [];
  await Promise.allSettled(document.getAnimations().map((one) => one.finished)); // colours that are still changing
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const named = (element) => {
    const start = element.cloneNode(false).outerHTML.replace(/\s+/g, " ");
    return start.length > 160 ? `${start.slice(0, 160)}…` : start;
  };
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // Names
  for (const control of all("input:not([type=hidden]), select, textarea")) {
    const isNamed = [...(control.labels ?? [])].some((label) => label.textContent.trim())
      || control.ariaLabel || control.getAttribute("aria-labelledby") || control.title;
    if (!isNamed) problems.push(`no name: ${named(control)}`);
  }
  for (const element of all("a[href], button, summary, [role=button]")) {
    const pictures = [...element.querySelectorAll("img")].map((image) => image.alt).join("");
    if (!(element.ariaLabel || element.title || element.textContent.trim() || pictures)) {
      problems.push(`no name: ${named(element)}`);
    }
  }
  for (const image of all("img:not([alt])")) problems.push(`no alt: ${named(image)}`);
  for (const element of all("[aria-labelledby], [aria-describedby], label[for]")) {
    const ids = ["aria-labelledby", "aria-describedby", "for"].flatMap((one) => (element.getAttribute(one) ?? "").split(/\s+/));
    for (const id of ids.filter(Boolean)) if (!document.getElementById(id)) problems.push(`names nothing (${id}): ${named(element)}`);
  }

  // Outline
  const count = document.querySelectorAll("h1").length;
  if (count !== 1) problems.push(`${count} h1`);
  if (!document.title) problems.push("no title");
  if (!document.documentElement.lang) problems.push("no language");
  if (document.querySelectorAll("main").length !== 1) problems.push("not one main");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) problems.push(`id twice: ${id}`);

  // Room
  if (document.documentElement.scrollWidth > innerWidth) problems.push("the page scrolls sideways");
  const least = 24; // WCAG 2.2, 2.5.8; links inside sentences are excepted
  for (const element of all("button, summary, .btn, input[type=checkbox], input[type=radio], nav a")) {
    const target = element.closest("label") ?? element;
    if (target.closest(".sr-only, .skip") || element.matches(".link")) continue;
    const { width, height } = target.getBoundingClientRect();
    if (width < least || height < least) problems.push(`${Math.round(width)} × ${Math.round(height)} px is too small: ${named(element)}`);
  }

  // Contrast
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const paint = (...colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => colour.slice(0, 3)
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const grounds = (element) => {
    const found = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      found.unshift(colour);
      if (paint(colour)[3] === 255) break;
    }
    return found;
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || !shown(element)) continue;
    if (element.closest("noscript, script, template, option, .sr-only, .unseen, .skip, :disabled, .avatar[aria-hidden]")) continue;
    const style = getComputedStyle(element);
    const under = grounds(element);
    const [high, low] = [light(paint(...under, style.color)), light(paint(...under))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) problems.push(`contrast ${ratio.toFixed(2)}: "${words.currentNode.data.trim().slice(0, 40)}" in ${named(element)}`);
  }
  return problems;
}
