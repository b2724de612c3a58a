import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { catalogueFiles } from "../cli/catalogue-files.js";
import { estimate, readModel } from "../index.js";
import { SETTING_ROWS } from "../settings.js";
import { createHandler } from "./handler.js";
import { createRunner } from "./job.js";
import { OPERATION_NAMES } from "./operations.js";

const catalogue = catalogueFiles();
const MOST = 1_000_000;
const bugs: unknown[] = [];
const handler = createHandler({
  run: createRunner(catalogue),
  catalogue,
  version: "1.2.3",
  mostBody: MOST,
  onBug: (error) => bugs.push(error),
});
const LENET = readFileSync("test/fixtures/lenet.pt2");
const SPEC = readFileSync("examples/grayscale-cnn.yaml", "utf8");

const ask = (path: string, init?: RequestInit) => handler(new Request(`http://local${path}`, init));
const post = (path: string, body: unknown) =>
  ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

describe("the same answer by every way of asking", () => {
  const expected = async (batch: number) =>
    JSON.parse(JSON.stringify(estimate(await readModel(LENET, { name: "lenet.pt2" }), { batch })));

  it("a model's bytes", async () => {
    const response = await ask("/v1/estimate?name=lenet.pt2&batch=16", {
      method: "POST",
      body: LENET,
      headers: { "content-type": "application/octet-stream" },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await expected(16));
  });

  it("a form", async () => {
    const form = new FormData();
    form.set("model", new File([LENET], "lenet.pt2"));
    form.set("setup", JSON.stringify({ batch: 16 }));
    const response = await ask("/v1/estimate", { method: "POST", body: form });
    expect(await response.json()).toEqual(await expected(16));
  });

  it("a name in a query, and in JSON", async () => {
    const query = await (await ask("/v1/estimate?model=torchvision/resnet18&batch=4&gpu=a100")).json();
    const setup = { batch: 4, gpu: "a100" };
    const body = await (await post("/v1/estimate", { model: "torchvision/resnet18", setup })).json();
    expect(body).toEqual(query);
    expect(query.machine.verdict).toBe("fits");
  });

  it("a spec as text", async () => {
    const model = { name: "grayscale-cnn.yaml", content: SPEC };
    const report = await (await post("/v1/explain", { model, setup: { batch: 128 } })).json();
    expect(report.model.parameterCount).toBe(19_072_984);
    expect(report.layers.length).toBeGreaterThan(5);
  });

  it("rules of thumb", async () => {
    const model = { name: "grayscale-cnn.yaml", content: SPEC };
    const report = await (await post("/v1/by-hand", { model, setup: { batch: 128 } })).json();
    expect(report.schema).toBe("plimsoll/by-hand@1");
  });
});

describe("what is known", () => {
  it.each(["models", "gpus", "optimizers", "formats"])("lists %s", async (name) => {
    const rows = await (await ask(`/v1/${name}`)).json();
    expect(rows.length).toBeGreaterThan(3);
  });

  it("narrows by a pattern", async () => {
    const rows = await (await ask("/v1/gpus?pattern=a100")).json();
    expect(rows.every(({ id }: { id: string }) => id.startsWith("A100"))).toBe(true);
  });

  it("says that it is there", async () => {
    expect(await (await ask("/health")).json()).toEqual({ status: "ok", version: "1.2.3" });
  });
});

describe("problems have five parts", () => {
  const json = { "content-type": "application/json" };
  const body = (text: BodyInit, headers: Record<string, string> = json) => ({
    method: "POST",
    body: text,
    headers,
  });
  it.each<readonly [string, string, RequestInit | undefined, number, string]>([
    ["an unknown route", "/v1/estimat", undefined, 404, "server/no-route"],
    ["an unknown path", "/nothing", undefined, 404, "server/no-route"],
    ["a wrong method", "/v1/estimate", { method: "DELETE" }, 405, "server/method"],
    ["no model", "/v1/estimate", undefined, 400, "server/member"],
    ["an unknown model", "/v1/estimate?model=torchvision/resnet5", undefined, 404, "catalogue/model"],
    ["an unknown setting", "/v1/estimate?model=torchvision/resnet18&bach=3", undefined, 400, "setup/unknown"],
    ["a bad value", "/v1/estimate?model=torchvision/resnet18&batch=-3", undefined, 400, "setup/count"],
    ["an unknown device", "/v1/estimate?model=torchvision/resnet18&gpu=b1000", undefined, 400, "setup/gpu"],
    ["broken JSON", "/v1/estimate", body("{"), 400, "server/json"],
    ["JSON that is a list", "/v1/estimate", body("[]"), 400, "server/json"],
    ["bytes that are no text", "/v1/estimate", body(new Uint8Array([255, 254])), 400, "server/json"],
    ["an unknown member", "/v1/estimate", body(`{"modell": 1}`), 400, "server/member"],
    ["a setup that is none", "/v1/estimate", body(`{"model": "x", "setup": 3}`), 400, "server/member"],
    ["content that is none", "/v1/estimate", body(`{"model": {"content": 3}}`), 400, "server/member"],
    ["another type", "/v1/estimate", body("x", { "content-type": "text/csv" }), 415, "server/media-type"],
    [
      "a form that is none",
      "/v1/estimate",
      body("x", { "content-type": "multipart/form-data" }),
      400,
      "server/json",
    ],
    ["a large body", "/v1/estimate", body("x".repeat(MOST + 1)), 413, "server/body-size"],
    [
      "a damaged file",
      "/v1/estimate?name=a.pt2",
      body(LENET.subarray(0, 9000), { "content-type": "application/octet-stream" }),
      400,
      "zip/directory",
    ],
    ["a pattern of nothing", "/v1/gpus?pattern=abacus", undefined, 400, "list/no-match"],
  ])("%s", async (_, path, init, status, code) => {
    const response = await ask(path, init);
    const problem = await response.json();
    expect(problem).toMatchObject({ status: response.status });
    expect({ status: response.status, type: response.headers.get("content-type") }).toEqual({
      status,
      type: "application/problem+json",
    });
    for (const part of ["where", "rule", "expected", "got", "hint", "title", "detail", "type"])
      expect(problem[part], part).toEqual(expect.any(String));
    expect(problem.code).toBe(code);
    expect(bugs).toEqual([]);
  });

  it("a bug is a 500 that tells the log", async () => {
    const told: unknown[] = [];
    const broken = createHandler({
      run: async () => Promise.reject(new TypeError("secret")),
      catalogue,
      version: "1",
      onBug: (error) => told.push(error),
    });
    const response = await broken(new Request("http://local/v1/estimate?model=x"));
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(told).toHaveLength(1);
  });
});

describe("OpenAPI", () => {
  it("has a path for every operation, and every reference leads somewhere", async () => {
    const document = await (await ask("/openapi.json")).json();
    const lists = ["models", "gpus", "optimizers", "formats"];
    const paths = [
      ...[...OPERATION_NAMES, ...lists].map((name) => `/v1/${name}`),
      "/health",
      "/metrics",
      "/openapi.json",
    ];
    expect(Object.keys(document.paths).sort()).toEqual(paths.sort());
    const inQuery = (name: string): string[] =>
      document.paths[`/v1/${name}`].get.parameters.map((one: { name: string }) => one.name);
    for (const name of OPERATION_NAMES)
      expect(inQuery(name)).toEqual(expect.arrayContaining(["model", ...Object.keys(SETTING_ROWS)]));
    expect(inQuery("fit")).toEqual(expect.arrayContaining(["for", "margin", "confidence"]));
    for (const name of lists) {
      const row = (await (await ask(`/v1/${name}`)).json())[0];
      expect(row, name).toEqual(expect.any(Object));
      expect(document.paths[`/v1/${name}`].get.responses[200].content["application/json"].schema.type).toBe(
        "array",
      );
    }
    const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(5);
    expect([...new Set(names)].sort()).toEqual(Object.keys(document.components.schemas).sort());
  });
});

/** A plan chooses the batch itself. */
const setupOf = (name: string) => (name === "plan" ? { gpu: "a100", gpus: 2 } : { batch: 2, gpu: "a100" });

describe("MCP over HTTP, with the official client", () => {
  async function connect(): Promise<Client> {
    const client = new Client({ name: "test", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL("http://local/mcp"), {
      fetch: (url, init) => handler(new Request(url, init)),
    });
    await client.connect(transport as Parameters<Client["connect"]>[0]); // as: the SDK's own types differ under exactOptionalPropertyTypes
    return client;
  }

  it("lists and calls every tool", async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      ...OPERATION_NAMES,
      "models",
      "gpus",
      "optimizers",
      "formats",
    ]);
    for (const { name } of tools) {
      const asks = (OPERATION_NAMES as readonly string[]).includes(name);
      const result = await client.callTool({
        name,
        arguments: asks ? { model: "torchvision/resnet18", setup: setupOf(name) } : {},
      });
      expect(result.isError, name).toBeFalsy();
    }
    await client.close();
  });

  it("a complaint is a result that says what to do", async () => {
    const client = await connect();
    const result = await client.callTool({ name: "estimate", arguments: { model: "torchvision/resnet5" } });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result.content)).toContain("did you mean");
    await client.close();
  });
});
