// What is looked at? The part of the address behind `#` says it, so that back works and a link can be shared.

/**
 * @typedef {{namespace: string|null, name: string|null, query: URLSearchParams}} View
 * The table of Services, or one Service, with filters, order and page.
 */

/** Reads a view; anything else is the table of Services. @returns {View} */
export function read(hash) {
  const [path, query] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const [kind, ...names] = path.split("/").filter((part) => part !== "").map(decoded);
  const isService = kind === "services" && names.length === 2 && names.every((name) => name);
  return {
    namespace: isService ? names[0] : null,
    name: isService ? names[1] : null,
    query: new URLSearchParams(query ?? ""),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** The address of a view. */
export function write({ namespace, name, query }) {
  const path = name === null ? "#/services" : toService(namespace, name);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The address of a Service. */
export function toService(namespace, name) {
  return `#/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** A view like another with changes of its query; `null` and the empty text remove. */
export function changed(view, changes) {
  const query = new URLSearchParams(view.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(key);
    else query.set(key, value);
  }
  return { ...view, query };
}
