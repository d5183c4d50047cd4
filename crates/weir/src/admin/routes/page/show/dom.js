// How is something put into the document? Only as text: names come from whoever may make a Service.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Children are elements or texts.
 * @param {string} name @param {Record<string, string|boolean|null>} attributes @param {...(Node|string|null)} children
 */
export function el(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** Makes an element of a drawing. */
export function drawing(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) throw new Error(`${key}: listeners are added, not written`);
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Sets an element's text, if it is another one: what does not change is not laid out anew. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, if it is another one; `null` removes it. */
export function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Shows or hides an element. */
export function show(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

/**
 * Makes the children of `parent` those of `items`, in their order: a child that stays keeps its focus.
 * @param {Element} parent @param {Map<string, {node: Element, update: (item: any) => void}>} known by key
 * @param {any[]} items @param {(item: any) => string} key
 * @param {(item: any) => {node: Element, update: (item: any) => void}} make
 */
export function reconcile(parent, known, items, key, make) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const kept = new Set(items.map(key));
  for (const [name, child] of known) {
    if (kept.has(name)) continue;
    child.node.remove();
    known.delete(name);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = known.get(name);
    if (!child) known.set(name, (child = make(item)));
    child.update(item);
    if (child.node === place) place = place.nextElementSibling;
    else parent.insertBefore(child.node, place);
  }
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
