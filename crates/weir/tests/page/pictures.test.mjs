// What does the page look like? Pictures of a small cluster, whose five minutes pass in some seconds; docs/ has some of them.

import { after, before, test } from "node:test";
import { close, live, picture, visit } from "./browser.mjs";
import { Fake } from "./fake.mjs";
import { until } from "./weir.mjs";

const NAMES = ["shop/cart", "shop/checkout", "shop/catalogue", "shop/payments", "shop/search", "kube-system/kube-dns", "kube-system/metrics-server",
  "monitoring/prometheus", "monitoring/grafana", "login/sessions", "login/tokens", "media/images", "media/video", "queue/orders"];
const OF_UDP = "kube-system/kube-dns";

let fake, url;

before(async () => {
  fake = new Fake({ services: NAMES.length, endpoints: 4, connections: 2400, every: 100, step: 5000 });
  fake.byName.clear();
  for (const [index, name] of NAMES.entries()) {
    const service = fake.services[index];
    [service.namespace, service.service] = name.split("/");
    service.protocol = name === OF_UDP ? "UDP" : "TCP";
    service.opened = 40_000 * (index + 1);
    for (const endpoint of service.endpoints) endpoint.state = "ready";
    fake.byName.set(name, service);
  }
  const at = (name) => fake.byName.get(name);
  at("shop/checkout").endpoints[1].state = "ejected";
  at("shop/checkout").endpoints[3].state = "draining";
  at("shop/checkout").endpoints[3].override = { id: "node/node-3", drain: true, weight: null, setAt: new Date().toISOString(), by: "uid 0, pid 4711" };
  at("shop/checkout").reason = "1 of 4 endpoints is ejected";
  at("shop/checkout").since = new Date().toISOString();
  for (const endpoint of at("login/tokens").endpoints) endpoint.state = "ejected";
  at("login/tokens").reason = "none of 4 endpoints works";
  for (const endpoint of at("media/video").endpoints) endpoint.state = "not-ready";
  at("media/video").reason = "none of 4 endpoints may serve here";
  fake.events = [["info", "ServiceBack", "all endpoints work again", 0], ["warning", "EndpointEjected", "endpoint ejected: it fails, and gets no clients for a while", 1]]
    .map(([severity, type, message], id) => ({ id, ...fake.moment(severity, type), message, service: "checkout", namespace: "shop" }));
  fake.happens = (seconds) => {
    fake.active = 0;
    for (const service of fake.services) {
      const wave = 1 + 0.4 * Math.sin(seconds / (31 + service.index)) + 0.15 * Math.sin(seconds / 7 + service.index);
      service.active = Math.round((20 + ((service.index * 37) % 90)) * 4 * wave);
      service.opened += Math.round(service.active * 0.8);
      fake.active += service.active;
    }
  };
  url = await fake.start();
});

after(async () => {
  await close();
  await fake.stop();
});

/** Waits until lines have some minutes. */
async function watched(page) {
  await live(page);
  await until("some minutes to pass", async () => ((await page.locator(".spark path").first().getAttribute("d")) ?? "").split("L").length > 45);
}

for (const colorScheme of ["light", "dark"]) {
  test(`pictures of all Services and of one, in ${colorScheme}`, async () => {
    await visit(`${url}#/services?sort=connections`, { colorScheme, width: 1320, height: 860 }, async (page) => {
      await watched(page);
      await picture(page, `page-${colorScheme}`);
    });
    await visit(`${url}#/services/shop/checkout`, { colorScheme, width: 1320, height: 860 }, async (page) => {
      await watched(page);
      await page.locator("main .listing tbody tr").first().waitFor();
      await picture(page, `service-${colorScheme}`);
    });
  });
}

test("pictures on a phone", async () => {
  await visit(`${url}#/services?sort=state`, { width: 360, height: 760 }, async (page) => {
    await watched(page);
    await picture(page, "phone");
    await page.locator("main tbody th a").first().click();
    await page.locator("main .listing tbody tr").first().waitFor();
    await picture(page, "phone-service");
  });
});
