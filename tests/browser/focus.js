// Whether one sees where the keyboard is: looks of the focused element and of those around it, with and without focus.
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const looks = () => {
    const found = [];
    for (let one = element, deep = 0; one && deep < 5; one = one.parentElement, deep += 1) {
      const style = getComputedStyle(one);
      found.push([style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor, style.clipPath].join());
    }
    return found.join("|");
  };
  const label = element.cloneNode(false).outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const focused = looks();
  element.blur();
  const isSeen = looks() !== focused;
  element.focus({ focusVisible: true, preventScroll: true });
  return { label, isSeen };
}
