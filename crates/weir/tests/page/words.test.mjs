// Are numbers, times, rates and addresses of views written as they should be?

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteRate, bytes, count, delay, odds, ofLimit, rate, since, span } from "../../src/admin/routes/page/show/format.js";
import { Series, Store } from "../../src/admin/routes/page/show/series.js";
import { changed, read, toService, write } from "../../src/admin/routes/page/ask/view.js";

test("numbers have few digits and their unit, and what is not known is a dash", () => {
  assert.deepEqual([0, 999, 50_000].map(count), ["0", "999", "50,000"]);
  assert.deepEqual([0, 1, 1023, 1024, 1536, 10 * 1024, 1048575, 2 ** 40].map(bytes),
    ["0 B", "1 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 KiB", "1.00 MiB", "1.00 TiB"]);
  assert.deepEqual([0, 0.25, 12, 999.4, 1e6].map(rate), ["0/s", "0.25/s", "12/s", "999/s", "1.00 M/s"]);
  assert.equal(byteRate(2048.4), "2.00 KiB/s");
  assert.deepEqual([0.0000004, 0.0004, 0.0021, 0.25, 1.5, 30].map(delay), ["0 µs", "400 µs", "2.10 ms", "250 ms", "1.5 s", "30 s"]);
  assert.deepEqual([0, 59.9, 60, 61, 3600, 90061].map(span), ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 d 1 h"]);
  for (const written of [count, bytes, rate, byteRate, delay, span]) assert.equal(written(null), "–");
  assert.equal(ofLimit(1, 2, null), "1 / 2 / ∞");
  assert.equal(ofLimit(1, 2000, 3000), "1 / 2,000 / 3,000");
});

test("odds say when they hang on the client, and small ones are not nothing", () => {
  assert.equal(odds(null), "odds hang on the client");
  assert.deepEqual([0, 1 / 3, 1, 0.0012].map(odds), ["odds 0 %", "odds 33 %", "odds 100 %", "odds 0.12 %"]);
});

test("a time is told with how long ago it is, and with its day if that is another one", () => {
  const now = Date.parse("2026-11-30T12:00:30Z");
  assert.match(since("2026-11-30T12:00:00Z", now), /^since \d\d:\d\d:\d\d \(30 s\)$/);
  assert.match(since("2026-11-20T12:00:00Z", now), /^since 2026-11-20 \d\d:\d\d:\d\d \(10 d\)$/);
  assert.equal(since(null, now), "");
});

test("a rate is taken over some seconds, and a counter that begins anew is no negative rate", () => {
  const series = new Series();
  assert.equal(series.rate(0), null);
  for (let time = 0; time <= 10; time += 1) series.add(time, [time * 100, time], [0]);
  assert.equal(series.rate(0), 100);
  assert.equal(series.growth(0, 60), 1000);
  const rare = new Series();
  for (const time of [0, 30]) rare.add(time, [time * 2], [0]);
  assert.equal(rare.rate(0), 2);
  assert.equal(series.most(1), 10);
  series.add(11, [5, 0], [0]);
  assert.equal(series.rate(0), null, "weir was restarted");
  series.add(11, [9, 0], [0]);
  assert.equal(series.samples.length, 1, "an answer that came twice counts once");
});

test("five minutes and a thousand things are kept, and not more", () => {
  const series = new Series();
  for (let time = 0; time < 1000; time += 1) series.add(time, [time], [0]);
  assert.equal(series.samples.length, 301);
  assert.match(series.line(0, true), /^M0\.0 1\.0( L[\d.]+ 1\.0)+$/, "a steady rate is a level line");
  const store = new Store();
  for (let key = 0; key < 3000; key += 1) store.add(String(key), 1, [key], [0]);
  assert.equal(store.known.size, 1000);
  assert.equal(store.of("2999").most(0), 2999);
  assert.equal(store.of("0").most(0), 0);
});

test("a view is read from its address as it was written, whatever a name has in it", () => {
  for (const [namespace, name] of [["default", "web"], ["a/b", "c?d#e"], ["<img>", "100 %"]]) {
    const view = read(toService(namespace, name));
    assert.deepEqual([view.namespace, view.name], [namespace, name]);
    const query = new URLSearchParams({ "connections.client": "10.0.0.0/8", filter: "a&b=c?d" });
    assert.deepEqual(read(write({ namespace, name, query })), { namespace, name, query });
  }
  for (const other of ["", "#", "#/", "#/services", "#/services/x", "#/services/%/y", "#/other/a/b"]) assert.equal(read(other).name, null, other);
});

test("what is taken from a view is not in its address any more", () => {
  const view = changed(read("#/services?filter=a&sort=state"), { filter: "", state: "ok", sort: null });
  assert.equal(write(view), "#/services?state=ok");
});
