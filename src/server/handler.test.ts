import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { expectReport } from "../../test/expect-report.js";
import { catalogueFiles } from "../cli/catalogue-files.js";
import { compare, estimate, readModel, readRecording } from "../index.js";
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

const TRACE = readFileSync("test/fixtures/recordings/lenet_trace.json.gz");
const SNAPSHOT = readFileSync("test/fixtures/recordings/lenet_snapshot.pickle.gz");

/** Every report on the way keeps to the published schema. */
async function ask(path: string, init?: RequestInit): Promise<Response> {
  const response = await handler(new Request(`http://local${path}`, init));
  if (path.startsWith("/v1/") && response.ok) expectReport(await response.clone().json());
  return response;
}
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

describe("what was measured beside what is predicted", () => {
  const expected = async (file: Buffer, name: string) =>
    JSON.parse(
      JSON.stringify(
        compare(await readModel(LENET, { name: "lenet.pt2" }), await readRecording(file, { name }), {
          batch: 16,
        }),
      ),
    );

  it("a trace and a snapshot in a form, with the model's file", async () => {
    for (const [file, name] of [
      [TRACE, "lenet_trace.json.gz"],
      [SNAPSHOT, "lenet_snapshot.pickle.gz"],
    ] as const) {
      const form = new FormData();
      form.set("model", new File([LENET], "lenet.pt2"));
      form.set("recording", new File([file], name));
      form.set("setup", JSON.stringify({ batch: 16 }));
      const response = await ask("/v1/compare", { method: "POST", body: form });
      const report = await response.json();
      expect(report).toEqual(await expected(file, name));
      expect(report.measured.allocatedBytes).toBeGreaterThan(0);
      expect(report.largestDifferences.length).toBeGreaterThan(0);
    }
  });

  it("JSON, with the recording as base64 or as text", async () => {
    const model = { name: "lenet.pt2", base64: LENET.toString("base64") };
    const packed = { name: "lenet_trace.json.gz", base64: TRACE.toString("base64") };
    const answer = async (recording: object) =>
      (await post("/v1/compare", { model, recording, setup: { batch: 16 } })).json();
    const report = await answer(packed);
    expect(report).toEqual(await expected(TRACE, "lenet_trace.json.gz"));
    const text = { name: "lenet_trace.json", content: gunzipSync(TRACE).toString() };
    expect((await answer(text)).measured).toEqual(report.measured);
  });

  it("a recording as the body and a model by name", async () => {
    const response = await ask("/v1/compare?model=torchvision/alexnet&batch=2&name=a.json.gz", {
      method: "POST",
      body: TRACE,
      headers: { "content-type": "application/octet-stream" },
    });
    const report = await response.json();
    expect(report.recording).toMatchObject({ source: "a.json.gz", format: "profiler-trace" });
  });

  it("figures alone, in a query", async () => {
    const report = await (
      await ask("/v1/compare?model=torchvision/resnet18&batch=8&gpu=a100&measuredAllocated=1GiB")
    ).json();
    expect(report.measured.allocatedBytes).toBe(1024 ** 3);
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
  const octets = (bytes: Uint8Array<ArrayBuffer>) =>
    body(bytes, { "content-type": "application/octet-stream" });
  const RECORDING_BY_NAME = "/v1/compare?model=torchvision/alexnet&batch=1&name=r";
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
    ["nothing measured", "/v1/compare?model=torchvision/resnet18", undefined, 400, "compare/nothing"],
    [
      "a figure that is none",
      "/v1/compare?model=torchvision/resnet18&measuredReserved=much",
      undefined,
      400,
      "compare/size",
    ],
    ["a recording that is a model", RECORDING_BY_NAME, octets(LENET), 400, "recording/model"],
    ["a recording that is cut short", RECORDING_BY_NAME, octets(TRACE.subarray(0, 9000)), 400, "gzip/data"],
    [
      "a recording that is a bomb",
      RECORDING_BY_NAME,
      octets(gzipSync(Buffer.alloc(400_000_000))),
      400,
      "gzip/bomb",
    ],
    [
      "a recording that runs code",
      `${RECORDING_BY_NAME}.pickle`,
      octets(Buffer.from("cos\nsystem\n(S'true'\ntR.")),
      400,
      "pickle/code",
    ],
    ["an empty recording", RECORDING_BY_NAME, octets(Buffer.alloc(0)), 400, "recording/format"],
    ["a large recording", RECORDING_BY_NAME, octets(Buffer.alloc(MOST + 1)), 413, "server/body-size"],
    [
      "a recording where none is taken",
      "/v1/estimate",
      body(`{"model": "x", "recording": {}}`),
      400,
      "server/member",
    ],
    [
      "a recording without content",
      "/v1/compare",
      body(`{"model": "x", "recording": {}}`),
      400,
      "server/member",
    ],
    [
      "base64 that is none",
      "/v1/compare",
      body(`{"model": "x", "recording": {"base64": "€"}}`),
      400,
      "server/member",
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

/** What an operation needs: a plan chooses the batch itself, and something must have been measured. */
const SETUPS: Readonly<Record<string, object>> = {
  plan: { gpu: "a100", gpus: 2 },
  compare: { batch: 2, gpu: "a100", measuredAllocated: "1GiB" },
};
const setupOf = (name: string) => SETUPS[name] ?? { batch: 2, gpu: "a100" };

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

  it("a recording comes as base64", async () => {
    const client = await connect();
    const recording = { name: "r.pickle.gz", base64: SNAPSHOT.toString("base64") };
    const ask = (of: object) =>
      client.callTool({ name: "compare", arguments: { model: "torchvision/alexnet", recording: of } });
    const result = await ask(recording);
    expect(result.structuredContent).toMatchObject({ recording: { format: "memory-snapshot" } });
    expect((await ask({ name: "r", base64: "€" })).isError).toBe(true);
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
