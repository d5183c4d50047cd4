// Does the page stay usable with 10,000 Services and 50,000 connections, for everybody, in light and in dark and on a phone?

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, HANG, live, visit } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { Fake } from "./fake.mjs";
import { until } from "./weir.mjs";

/** Rows of a page of a list. */
const PAGE = 50;
/** Bound against a page that hangs, in milliseconds; the figures are printed. A machine that is busy makes the wait long. */
const BOUND = HANG;
const EVIL = `<img src=x onerror="alert(1)">`;

let fake, url;

before(async () => {
  fake = new Fake({ services: 10_000, connections: 50_000 });
  for (const [place, state] of ["ejected", "down", "draining", "full"].entries()) fake.services[11].endpoints[place].state = state;
  fake.services[12].unsupported = true;
  fake.services[13].notBound = true;
  for (const endpoint of fake.services[14].endpoints) endpoint.state = "ejected";
  for (const endpoint of fake.services[15].endpoints) endpoint.state = "not-ready";
  for (const [place, state] of ["ready", "not-ready", "elsewhere", "loop"].entries()) fake.services[16].endpoints[place].state = state;
  fake.services[11].endpoints[2].override = { id: "endpoint/10.244.0.46:8080", drain: true, weight: null, setAt: new Date().toISOString(), by: "uid 0, pid 4711" };
  fake.services[17].reason = EVIL;
  url = await fake.start();
});

after(async () => {
  await close();
  await fake.stop();
});

/** The rows of the table with this caption. */
function rows(page, caption) {
  const named = page.locator("caption", { hasText: new RegExp(`^${caption}$`) });
  return page.locator("table", { has: named }).locator("tbody tr");
}

/** Does something and waits until it shows; returns how long the browser was busy at once meanwhile, in milliseconds. */
async function busy(page, act, shows) {
  await page.evaluate(() => (window.longest = 0));
  await act();
  await shows();
  return page.evaluate(() => window.longest);
}

test("10,000 Services are filtered, sorted and looked through, and never more than a page of them is in the document", async () => {
  await visit(url, {}, async (page) => {
    await live(page);
    const services = rows(page, "Service ports");
    await page.evaluate(() => {
      const look = (list) => list.getEntries().forEach(({ duration }) => (window.longest = Math.max(window.longest, duration)));
      new PerformanceObserver(look).observe({ type: "longtask" });
    });
    await page.getByText("1 to 50 of 10,000").waitFor();
    assert.equal(await services.count(), PAGE);
    const turns = [
      ["sort", () => page.getByRole("button", { name: "Now / most / limit" }).click(), () => services.first().getByText("service-00000").waitFor()],
      ["next page", () => page.getByRole("button", { name: "Next" }).click(), () => page.getByText("51 to 100 of 10,000").waitFor()],
      ["previous page", () => page.getByRole("button", { name: "Previous" }).click(), () => page.getByText("1 to 50 of 10,000").waitFor()],
      ["filter", () => page.getByLabel("Filter", { exact: true }).fill("service-0999"), () => page.getByText("1 to 10 of 10, 10,000 without filters").waitFor()],
      ["no filter", () => page.getByLabel("Filter", { exact: true }).fill(""), () => page.getByText("1 to 50 of 10,000").waitFor()],
      ["state", () => page.getByLabel("State", { exact: true }).selectOption("failing"), () => page.getByText(/^1 to \d+ of \d+, 10,000 without filters/).waitFor()],
      ["any state", () => page.getByLabel("State", { exact: true }).selectOption(""), () => page.getByText("1 to 50 of 10,000").waitFor()],
      ["drill", () => services.first().getByRole("link").click(), () => page.getByRole("heading", { name: "service-00000" }).waitFor()],
    ];
    const figures = [];
    for (const [what, act, shows] of turns) {
      const longest = await busy(page, act, shows);
      assert.ok(longest < BOUND, `${what}: the page was busy for ${longest} ms`);
      figures.push(`${what} ${longest.toFixed(0)}`);
    }
    console.log(`ms that the page was busy at once (0 is below 50): ${figures.join(", ")}`);
    await page.getByText(/1 to 50 of 500/).waitFor();
    assert.equal(await rows(page, "Connections").count(), PAGE);
    const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
    const [first, asked] = [await elements(), fake.asked.length];
    await until("some more answers", () => fake.asked.length > asked + 8);
    assert.ok((await elements()) < first + 200, "the document grows");
  });
});

test("a Service says how its connects go and since when it is so, and where there is room each row does, too", async () => {
  const failing = fake.services[0];
  failing.endpoints[1].state = "ejected";
  failing.since = new Date().toISOString();
  try {
    await visit(`${url}#/services?filter=service-00000`, { width: 1600 }, async (page) => {
      await live(page);
      const connects = rows(page, "Service ports").first().getByText("400 µs");
      await connects.waitFor();
      await page.setViewportSize({ width: 1280, height: 900 });
      await connects.waitFor({ state: "hidden" });
      await rows(page, "Service ports").first().getByRole("link").click();
      const port = rows(page, "Ports").first();
      for (const text of ["400 µs", "99 % within 2.90 ms", "3 retried, 2 hedged", "1 ejection"]) await port.getByText(text, { exact: true }).waitFor();
      await port.getByText(/^since \d\d:\d\d:\d\d/).waitFor();
    });
  } finally {
    failing.endpoints[1].state = "ready";
    failing.since = null;
  }
});

test("an API server that does not answer is wrong until it does", async () => {
  await visit(`${url}#/services?filter=service-00000`, {}, async (page) => {
    await live(page);
    const item = page.locator("#wrong li", { hasText: "The API server does not answer" });
    fake.away = new Date().toISOString();
    await item.getByText(/^since \d\d:\d\d:\d\d/).waitFor();
    fake.away = null;
    await item.waitFor({ state: "detached" });
  });
});

test("an endpoint that is ejected and an override are seen within a moment, and the sparkline moves", async () => {
  await visit(`${url}#/services/team-20/service-00020`, {}, async (page) => {
    await live(page);
    const row = rows(page, "Endpoints").filter({ hasText: "node-1" });
    await row.locator("[data-state=ready]").waitFor();
    const line = rows(page, "Ports").locator(".spark path").first();
    const before = await line.getAttribute("d");
    fake.services[20].endpoints[1].state = "ejected";
    fake.services[20].active += 100;
    await row.locator("[data-state=ejected]").waitFor();
    await until("the line to move", async () => (await line.getAttribute("d")) !== before);
    fake.services[20].active -= 100;
    fake.services[20].endpoints[1].state = "ready";
  });
  await visit(`${url}#/services/team-11/service-00011`, {}, async (page) => {
    await live(page);
    await page.getByText(/override: drain, set \d\d:\d\d:\d\d by uid 0, pid 4711/).waitFor();
  });
});

test("a name that would be markup is text wherever it stands", async () => {
  const [service] = fake.services;
  const was = { ...service };
  Object.assign(service, { namespace: EVIL, service: `${EVIL}&amp;/..?#` });
  fake.byName.set(`${service.namespace}/${service.service}`, service);
  const node = fake.events[0];
  fake.events[0] = { ...node, namespace: EVIL, service: EVIL, message: EVIL, type: EVIL, endpoint: EVIL, severity: EVIL };
  try {
    await visit(`${url}#/services?filter=${encodeURIComponent("<img")}`, {}, async (page) => {
      await live(page);
      await rows(page, "Service ports").first().getByText(EVIL).first().waitFor();
      await rows(page, "What happened lately").getByText(EVIL).first().waitFor();
      await rows(page, "Service ports").first().getByRole("link").click();
      await page.getByRole("heading", { name: EVIL }).waitFor();
      await rows(page, "Endpoints").first().waitFor();
      assert.equal(await page.locator("img").count(), 0);
      await page.keyboard.press("Escape");
      await rows(page, "Service ports").first().waitFor();
    });
  } finally {
    fake.byName.delete(`${service.namespace}/${service.service}`);
    Object.assign(service, was);
    fake.events[0] = node;
  }
});

for (const colorScheme of ["light", "dark"]) {
  test(`every text stands out from what is behind it (WCAG 2.2, AA) in ${colorScheme}`, async () => {
    await visit(url, { colorScheme }, async (page) => {
      await live(page);
      await rows(page, "Service ports").first().waitFor();
      const states = await page.evaluate(async () => {
        const { ALL_STATES, badge } = await import("/page/show/states.js");
        document.querySelector("main").prepend(...ALL_STATES.map((state) => badge(state).node));
        return ALL_STATES.length;
      });
      assert.ok(states >= 20);
      const views = { all: null, one: "#/services/team-11/service-00011", odd: "#/services/team-16/service-00016" };
      for (const [name, hash] of Object.entries(views)) {
        if (hash) {
          await page.evaluate((address) => (location.hash = address), hash);
          await rows(page, "Endpoints").first().waitFor();
        }
        const { texts, worst, faint } = await page.evaluate(contrasts);
        assert.deepEqual(faint, [], `${name}: texts below 4.5 : 1`);
        assert.ok(texts > 50, `${name}: ${texts} texts`);
        console.log(`${colorScheme}, ${name}: ${texts} texts, the least contrast is ${worst.toFixed(2)} : 1`);
      }
    });
  });
}

test("a state is told by its sign and its word, each of them its own, whatever its colour", async () => {
  await visit(url, {}, async (page) => {
    const shown = await page.evaluate(async () => {
      const { SERVICE_STATES, ENDPOINT_STATES, badge } = await import("/page/show/states.js");
      const look = (state) => {
        const { node } = badge(state);
        return [node.textContent, node.querySelector("path").getAttribute("d")];
      };
      return [SERVICE_STATES, ENDPOINT_STATES].map((states) => states.map(look));
    });
    for (const states of shown) {
      for (const place of [0, 1]) assert.equal(new Set(states.map((state) => state[place])).size, states.length);
    }
  });
});

test("tables have headers that say how they are sorted, and what is said aloud does not chatter", async () => {
  await visit(url, {}, async (page) => {
    await live(page);
    await rows(page, "Service ports").first().waitFor();
    assert.equal(await page.locator("th:not([scope])").count(), 0);
    const header = page.getByRole("columnheader", { name: "Service", exact: true });
    assert.equal(await header.getAttribute("aria-sort"), "ascending");
    const state = page.getByRole("columnheader", { name: "State" });
    await state.getByRole("button").click();
    assert.equal(await state.getAttribute("aria-sort"), "descending");
    assert.equal(await header.getAttribute("aria-sort"), "none");
    assert.match(page.url(), /sort=state/);
    await page.goBack();
    await until("the order as it was", async () => (await header.getAttribute("aria-sort")) === "ascending");
    const asked = fake.asked.length;
    await page.evaluate(() => {
      window.said = 0;
      const count = () => (window.said += 1);
      new MutationObserver(count).observe(document.getElementById("announcements"), { childList: true, subtree: true, characterData: true });
    });
    await until("some more answers", () => fake.asked.length > asked + 2);
    assert.equal(await page.evaluate(() => window.said), 0);
    assert.equal(await page.locator("[aria-live]").count(), 1);
  });
});

test("all that can be used is reached with Tab in the order in which it stands, and is seen to have the focus", async () => {
  await visit(`${url}#/services?filter=service-0000`, {}, async (page) => {
    await live(page);
    await page.getByText("1 to 10 of 10").waitFor();
    await page.evaluate(() => document.activeElement.blur());
    const places = [];
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const all = [...document.querySelectorAll("a[href], button:not(:disabled), input, select")].filter((node) => node.checkVisibility());
        const style = getComputedStyle(document.activeElement);
        return { place: all.indexOf(document.activeElement), count: all.length, outline: style.outlineStyle };
      });
      if (at.place < 0) break;
      assert.notEqual(at.outline, "none");
      places.push(at);
    }
    assert.deepEqual(places.map(({ place }) => place), [...places.keys()]);
    assert.equal(places.length, places.at(-1).count);
  });
});

test("a phone shows all without scrolling sideways, and tables remain tables", async () => {
  await visit(url, { width: 360, height: 740 }, async (page) => {
    await live(page);
    await rows(page, "Service ports").first().waitFor();
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
    assert.ok(await fits());
    await page.getByLabel("Sort by", { exact: true }).selectOption("state");
    await rows(page, "Service ports").first().locator("[data-state=not-bound]").waitFor();
    assert.equal(await page.getByRole("table", { name: "Service ports" }).count(), 1);
    assert.ok((await page.getByRole("row").count()) > PAGE);
    await rows(page, "Service ports").nth(2).getByRole("link").click();
    await rows(page, "Endpoints").first().waitFor();
    assert.ok(await fits());
  });
});

test("nobody looks, nobody asks", async () => {
  await visit(url, {}, async (page) => {
    await live(page);
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await until("the stream to be closed", async () => {
      const { length } = fake.asked;
      await new Promise((later) => setTimeout(later, 3000));
      return fake.asked.length === length;
    });
  });
});
