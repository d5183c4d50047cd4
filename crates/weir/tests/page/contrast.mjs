// How well does each text stand out from what is behind it? By WCAG 2.2, success criterion 1.4.3; runs inside the page.

/** Contrast of all texts that are seen: how many, the least, and those below what AA demands. */
export function contrasts() {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const back = colour(getComputedStyle(at).backgroundColor);
      if (back[3] === 255) return back;
      if (back[3] !== 0) throw new Error("what lets something shine through is not reckoned with");
    }
    throw new Error("the page has no colour of its own");
  };
  const found = { texts: 0, worst: 21, faint: [] };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (text === "" || !node.checkVisibility() || node.closest("noscript, option")) continue;
    const [light, dark] = [luminance(colour(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    found.texts += 1;
    found.worst = Math.min(found.worst, contrast);
    if (contrast < 4.5) found.faint.push(`${text}: ${contrast.toFixed(2)}`);
  }
  // Signs are no text: 3 : 1 is enough, and lines of graphs likewise.
  for (const path of document.querySelectorAll("svg path")) {
    if (!path.checkVisibility()) continue;
    const [light, dark] = [luminance(colour(getComputedStyle(path).stroke)), luminance(behind(path.parentElement))].sort((a, b) => b - a);
    if ((light + 0.05) / (dark + 0.05) < 3) found.faint.push(`a line: ${path.getAttribute("d")}`);
  }
  return found;
}
