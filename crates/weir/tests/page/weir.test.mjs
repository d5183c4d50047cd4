// Does the page show what a real weir does, while it does it?

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, live, visit } from "./browser.mjs";
import { client, Endpoint, freePort, manifest, until, Weir } from "./weir.mjs";

const EVIL = `<img src=x onerror="alert(1)">`;

let weir, webPort, idlePort, endpoints, sockets;

before(async () => {
  endpoints = await Promise.all([Endpoint.start("127.0.0.2"), Endpoint.start("127.0.0.3"), Endpoint.start("127.0.0.4")]);
  sockets = [];
  [webPort, idlePort] = [await freePort(), await freePort()];
  weir = await Weir.start([
    manifest({ name: "web", port: webPort, endpoints, annotations: { "weir.dev/balance": "round-robin", "example.com/evil": EVIL }, nodeName: EVIL }),
    manifest({ namespace: "shop", name: "empty", port: idlePort, endpoints: [] }),
  ]);
});

after(async () => {
  await close();
  for (const socket of sockets) socket?.destroy();
  await weir?.stop();
  await Promise.all(endpoints.map((endpoint) => endpoint.stop().catch(() => {})));
});

const row = (page, text) => page.locator("main .listing tbody tr", { hasText: text });

test("what is wrong stands first, and each Service has a row with its state and endpoints", async () => {
  await visit(weir.url, {}, async (page) => {
    await live(page);
    const web = row(page, "default/web");
    await web.locator("[data-state=ok]").waitFor();
    assert.match(await web.innerText(), /3 of 3/);
    assert.match(await web.innerText(), /round-robin/);
    const wrong = page.locator("#wrong li", { hasText: "shop/empty" });
    await wrong.locator("[data-state=no-endpoints]").waitFor();
    assert.match(await wrong.innerText(), /no endpoints/);
    assert.equal(await page.locator("#node").innerText(), "node-a");
    assert.match(await page.title(), /^\(1 wrong\) weir node-a$/);
  });
});

test("a connection that opens is seen in its row, and in the Service with the client's address", async () => {
  await visit(weir.url, {}, async (page) => {
    await live(page);
    const web = row(page, "default/web");
    await web.waitFor();
    sockets.push(await client(webPort));
    await web.locator("td", { hasText: /^1 \/ 1 \/ ∞/ }).waitFor();
    await web.getByRole("link", { name: "default/web" }).click();
    const address = `127.0.0.1:${sockets[0].localPort}`;
    await row(page, address).locator("[data-state=open]").waitFor();
    sockets.pop().destroy();
    await row(page, address).waitFor({ state: "detached" });
    await page.getByLabel("Which", { exact: true }).selectOption("closed");
    const closed = row(page, address);
    await closed.locator("[data-state=closed]").waitFor();
    assert.match(await closed.innerText(), /finished|reset/);
  });
});

test("an endpoint that fails is shown by sign, word and reason, and when it works again, too", async () => {
  await visit(`${weir.url}#/services/default/web`, {}, async (page) => {
    await live(page);
    const failing = row(page, endpoints[2].address);
    await failing.locator("[data-state=ready]").waitFor();
    assert.match(await failing.innerText(), /✓ yes, odds 33 %/);
    const { ip, port } = endpoints[2];
    await endpoints[2].stop();
    await until("the endpoint to be ejected", async () => {
      (await client(webPort))?.destroy();
      return (await failing.locator("[data-state=ejected]").count()) === 1;
    });
    await until("its odds to go to others", async () => /✗ no, ejected/.test(await failing.innerText()));
    assert.match(await failing.innerText(), /ejected\s+since \d\d:\d\d:\d\d/);
    assert.match(await failing.innerText(), /refused/);
    assert.equal(await failing.locator("[data-state=ejected] svg path").count(), 1, "the sign is there");
    await row(page, endpoints[0].address).getByText("odds 50 %").waitFor();
    await page.getByRole("link", { name: "all Services" }).click();
    await row(page, "default/web").locator("[data-state=degraded]").waitFor();
    await page.locator("#wrong li", { hasText: "default/web" }).waitFor();
    endpoints[2] = await Endpoint.start(ip, port);
    await until("the endpoint to be back", async () => {
      (await client(webPort))?.destroy();
      return (await row(page, "default/web").locator("[data-state=ok]").count()) === 1;
    });
  });
});

test("filter, Enter, Escape and back lead in and out, and the address says where", async () => {
  await visit(weir.url, {}, async (page) => {
    await live(page);
    await row(page, "default/web").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("EMPTY");
    await row(page, "default/web").waitFor({ state: "detached" });
    assert.match(page.url(), /#\/services\?filter=EMPTY$/);
    await page.locator("#announcements", { hasText: "1 found" }).waitFor();
    await page.keyboard.press("Escape"); // The browser empties the field.
    await row(page, "default/web").waitFor();
    await page.keyboard.press("Escape");
    await until("the first row to have the focus", () => page.evaluate(() => document.activeElement.textContent === "default/web"));
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "shop/empty");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "shop/empty" }).waitFor();
    assert.match(page.url(), /#\/services\/shop\/empty$/);
    await page.keyboard.press("Escape");
    await until("the row that was left to have the focus", () => page.evaluate(() => document.activeElement.textContent === "shop/empty"));
    await page.goBack();
    await page.getByRole("heading", { name: "shop/empty" }).waitFor();
    await page.goBack();
    await row(page, "default/web").waitFor();
  });
  await visit(`${weir.url}#/services?filter=shop&sort=-state`, {}, async (page) => {
    await live(page);
    await row(page, "shop/empty").waitFor();
    assert.equal(await row(page, "default/web").count(), 0, "a link is followed as it was shared");
    assert.equal(await page.getByLabel("Filter", { exact: true }).inputValue(), "shop");
  });
});

test("what a client gets is explained, endpoint by endpoint", async () => {
  const tolerated = (text) => text.includes("status of 400");
  await visit(`${weir.url}#/services/default/web`, { tolerated }, async (page) => {
    await live(page);
    await page.getByLabel("Address", { exact: true }).locator("option").first().waitFor({ state: "attached" });
    const explain = page.getByRole("button", { name: "Explain" });
    await explain.click();
    await page.locator("main [data-state=ACCEPT]").waitFor();
    await page.getByRole("table", { name: "Endpoints for this client" }).getByText(/✓ yes, odds 33 %/).first().waitFor();
    await page.getByLabel("From", { exact: true }).fill(EVIL);
    await explain.click();
    await page.getByText(EVIL).first().waitFor();
    assert.equal(await page.locator("main img").count(), 0);
  });
});

test("words of a link that weir does not know do no harm", async () => {
  await visit(`${weir.url}#/services?sort=nonsense&state=worse&continue=at%3A999`, {}, async (page) => {
    await live(page);
    await row(page, "default/web").waitFor();
  });
  const tolerated = (text) => text.includes("status of 404") || text.includes("status of 400");
  await visit(`${weir.url}#/services/no/such?connections.client=nobody`, { tolerated }, async (page) => {
    await live(page);
    await page.getByText("There is no such Service").waitFor();
    await page.getByText(/The list cannot be shown: .*nobody/).waitFor();
  });
});

test("markup in an annotation, in a node's name and in a link does nothing", async () => {
  const tolerated = (text) => text.includes("status of 400");
  const query = new URLSearchParams({ "connections.client": EVIL, "endpoints.filter": EVIL });
  await visit(`${weir.url}#/services/default/web?${query}`, { tolerated }, async (page) => {
    await live(page);
    await page.getByText(`The list cannot be shown: client=${EVIL}`).waitFor();
    await page.getByText("No endpoint is like that.").waitFor();
    await page.getByLabel("Filter", { exact: true }).fill("");
    await row(page, endpoints[0].address).locator("[data-state]").waitFor();
    assert.equal(await page.locator("main b, main img").count(), 0);
  });
});

test("a weir that is killed leaves a page that says so, and one that comes back is live again", async () => {
  const tolerated = (text) => /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/.test(text);
  await visit(weir.url, { tolerated }, async (page) => {
    await live(page);
    await row(page, "default/web").waitFor();
    await weir.kill();
    await page.locator("#connection [data-state=stale]").waitFor();
    assert.match(await page.locator("#connection").innerText(), /stale\s+since \d\d:\d\d:\d\d .*trying again/s);
    assert.equal(await row(page, "default/web").count(), 1, "what was seen last stays");
    assert.match(await page.locator("#announcements").innerText(), /stale/);
    await weir.run();
    await live(page);
    assert.match(await page.locator("#announcements").innerText(), /answers again/);
  });
});
