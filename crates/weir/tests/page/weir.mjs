// What is needed to look at a real weir? The built program with manifests, servers behind it and clients.

import { spawn } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HANG } from "./browser.mjs";

const PROGRAM = process.env.WEIR ?? fileURLToPath(new URL("../../../../target/debug/weir", import.meta.url));

// Variables but weir's own: those of whoever runs the tests are no settings of this weir, which refuses unknown ones.
const foreign = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("WEIR_")));

/** A server behind weir that answers what it gets, at an address of this machine. */
export class Endpoint {
  static async start(ip = "127.0.0.2", port = 0) {
    const endpoint = new Endpoint();
    endpoint.sockets = new Set();
    endpoint.server = createServer((socket) => {
      endpoint.sockets.add(socket);
      socket.on("close", () => endpoint.sockets.delete(socket));
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    await new Promise((ready) => endpoint.server.listen(port, ip, ready));
    endpoint.ip = ip;
    endpoint.port = endpoint.server.address().port;
    return endpoint;
  }

  get address() {
    return `${this.ip}:${this.port}`;
  }

  /** Ends the server: who connects is refused. */
  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((ended) => this.server.close(ended));
  }
}

/** A port that is free now. */
export async function freePort(ip = "127.0.0.1") {
  const server = createServer();
  await new Promise((ready) => server.listen(0, ip, ready));
  const { port } = server.address();
  await new Promise((ended) => server.close(ended));
  return port;
}

/** A Service with endpoints, as a manifest. */
export function manifest({ namespace = "default", name, port, endpoints, annotations = {}, nodeName = "node-a", portName = "http" }) {
  const service = {
    apiVersion: "v1", kind: "Service", metadata: { name, namespace, annotations },
    spec: { clusterIP: "127.0.0.1", clusterIPs: ["127.0.0.1"], ipFamilies: ["IPv4"], ports: [{ name: portName, port }] },
  };
  const slices = endpoints.map(({ ip, port: number }, index) => ({
    apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice",
    metadata: { name: `${name}-${index}`, namespace, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4", ports: [{ name: portName, port: number }], endpoints: [{ addresses: [ip], nodeName }],
  }));
  return [service, ...slices].map((object) => JSON.stringify(object)).join("\n---\n");
}

/** A running weir that serves a folder of manifests. */
export class Weir {
  static async start(manifests) {
    const weir = new Weir();
    weir.folder = await mkdtemp(join(tmpdir(), "weir-page-manifests-"));
    weir.port = await freePort();
    weir.health = await freePort();
    weir.url = `http://127.0.0.1:${weir.port}/`;
    await weir.write(manifests);
    await weir.run();
    return weir;
  }

  async write(manifests) {
    const next = join(this.folder, ".next");
    await writeFile(next, manifests.join("\n---\n"));
    await rename(next, join(this.folder, "all.yaml"));
  }

  /** Starts the program and waits until it serves. */
  async run() {
    this.log = "";
    this.program = spawn(PROGRAM, ["run", "--manifests", this.folder], {
      env: {
        ...foreign(process.env), WEIR_WORKERS: "2", WEIR_HEALTH_ADDRESS: `127.0.0.1:${this.health}`, WEIR_ADMIN_ADDRESS: `127.0.0.1:${this.port}`,
        WEIR_STATE_DIR: join(this.folder, ".state"), WEIR_RUNTIME_DIR: join(this.folder, ".run"), WEIR_NODE_NAME: "node-a",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const output of [this.program.stdout, this.program.stderr]) output.on("data", (text) => (this.log += text));
    this.ended = new Promise((ended) => this.program.on("exit", ended));
    await until(() => `weir to be ready: ${this.log}`, async () => (await status(`http://127.0.0.1:${this.health}/readyz`)) === 200
      && (await status(`${this.url}healthz`)) === 200);
  }

  /** Kills the program as nothing that can be caught does. */
  async kill() {
    this.program.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function status(url) {
  return new Promise((told) => {
    get(url, (response) => {
      response.resume();
      told(response.statusCode);
    }).on("error", () => told(null));
  });
}

/** Waits until something is so. */
export async function until(what, holds) {
  for (const end = Date.now() + HANG; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`waited too long for ${typeof what === "function" ? what() : what}`);
    await new Promise((later) => setTimeout(later, 20));
  }
}

/** Opens a connection and waits until it carries bytes both ways; `null` if it fails. */
export async function client(port) {
  const socket = connect(port, "127.0.0.1");
  const answered = await new Promise((told) => {
    socket.once("data", () => told(true));
    socket.once("error", () => told(false));
    socket.once("close", () => told(false));
    socket.write("hello");
  });
  socket.on("error", () => {});
  return answered ? socket : null;
}
