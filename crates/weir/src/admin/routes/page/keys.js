// What do keys do? What they do in k9s, less and a browser.

/** Listens to keys for as long as the page is open. @param {{back: () => void}} page */
export function listen({ back }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const isTyping = event.target.matches?.("input, select, textarea");
    if (event.key === "Escape") {
      escape(event, isTyping, back);
    } else if (!isTyping && press(event.key)) {
      event.preventDefault();
    }
  });
}

function escape(event, isTyping, back) {
  if (!isTyping) return back();
  const field = event.target;
  if (field.value && field.type === "search") return undefined; // The browser empties it.
  return rows()[0] ? rows()[0].focus() : field.blur();
}

function press(key) {
  if (key === "/") {
    const field = document.querySelector("main input[type=search]");
    field?.focus();
    field?.select();
    return Boolean(field);
  }
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
  return step === undefined ? false : move(step);
}

/** Links of rows, in their order. */
function rows() {
  return [...document.querySelectorAll("main tbody th a")];
}

/** Moves the focus to the next row's link; before there is one, the first gets it. */
function move(step) {
  const links = rows();
  const place = links.indexOf(document.activeElement);
  // Outside of rows the arrows scroll, as they always do.
  if (place < 0 && document.activeElement !== document.body) return false;
  const next = links[Math.max(0, Math.min(links.length - 1, place + step))];
  next?.focus();
  return Boolean(next);
}
