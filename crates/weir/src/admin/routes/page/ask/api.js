// How is weir asked? By GET at the same origin; errors say what weir said.

/** What weir answered instead of what was asked for. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Time after which an answer does not come any more, in milliseconds. */
const PATIENCE = 10_000;

/** Asks a route. @param {string} path @param {URLSearchParams} parameters */
export async function ask(path, parameters = new URLSearchParams()) {
  const text = parameters.toString();
  const response = await fetch(text ? `${path}?${text}` : path, {
    headers: { accept: "application/json" },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
  });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  throw new Refused(response.status, answer?.message ?? `weir answered with status ${response.status}`);
}
