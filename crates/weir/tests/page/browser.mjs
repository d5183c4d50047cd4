// How does a test look at the page? In Debian's Chromium without a window, which asks nobody but the server under test.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** Bound against hangs, in milliseconds. Nothing takes this long. */
export const HANG = 120_000;

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Folder of the pictures that are taken. */
const PICTURES = fileURLToPath(new URL("../../../../target/page/", import.meta.url));

let browser = null;

/** Ends the browser, which all tests of a file share. */
export async function close() {
  await browser?.close();
  browser = null;
}

/** Opens the page of `url`, runs `look`, and demands that nothing went wrong meanwhile. */
export async function visit(url, { colorScheme = "light", width = 1280, height = 900, tolerated = () => false } = {}, look) {
  // It has a folder of its own for all that it keeps.
  browser ??= await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS, headless: true, timeout: HANG });
  const context = await browser.newContext({ colorScheme, viewport: { width, height }, reducedMotion: "reduce" });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(HANG);
    const [wrong, elsewhere] = [[], []];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !tolerated(message.text())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin) elsewhere.push(request.url());
    });
    page.on("dialog", (dialog) => {
      wrong.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.goto(url);
    await look(page);
    assert.deepEqual(wrong, [], "the console has errors");
    assert.deepEqual(elsewhere, [], "another origin was asked");
  } finally {
    await context.close();
  }
}

/** Waits until the page says that it is live. */
export async function live(page) {
  await page.locator("#connection [data-state=live]").waitFor();
}

/** Takes a picture of what is seen. */
export async function picture(page, name) {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
