import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { because, expectComplaint, isBuilt, run } from "./run-cli.js";

const CLI = "dist/cli/main.js";
const SECONDS = 1000;

describe.skipIf(!isBuilt)(`plimsoll serve${because}`, () => {
  let child: ChildProcess;
  let url = "";

  beforeAll(async () => {
    child = spawn(process.execPath, [CLI, "serve", "--port", "0", "--max-seconds", "2"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const output = createInterface(child.stdout as NodeJS.ReadableStream); // as: stdio says pipe
    url = await new Promise((resolve) => output.once("line", resolve));
  }, 20 * SECONDS);
  afterAll(() => {
    child.kill("SIGKILL");
  });

  it("listens on this machine alone", () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("answers what the command prints", async () => {
    for (const [model, batch] of [
      ["torchvision/resnet18", 8],
      ["timm/vit_tiny_patch16_224", 4],
      ["hf/openai-community/gpt2", 1],
    ] as const) {
      const response = await fetch(`${url}/v1/estimate?model=${model}&batch=${batch}&gpu=a100`);
      const printed = run(["estimate", model, "--batch", String(batch), "--gpu", "a100", "--json"]);
      expect(await response.text()).toBe(printed.stdout);
    }
  });

  it("stops an analysis that takes too long, while others are answered", async () => {
    const layers = Array.from({ length: 6000 }, () => "  - dense: 64").join("\n");
    const content = `schema: plimsoll/spec@1\ninput: { features: 64 }\nlayers:\n${layers}\n`;
    const slow = fetch(`${url}/v1/explain`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: { name: "deep.yaml", content } }),
    });
    const quick = await fetch(`${url}/v1/estimate?model=torchvision/alexnet&batch=2`);
    expect(quick.status).toBe(200);
    const { status } = await slow; // a fast machine ends in time
    expect([200, 400, 422]).toContain(status);
  });

  it("counts its requests", async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/plimsoll_requests_total\{route="\/v1\/estimate",status="200"\} \d/);
    expect(text).toContain("plimsoll_request_seconds_bucket");
  });

  it("answers what it has accepted before it ends", async () => {
    const questions = Array.from({ length: 20 }, (_, i) =>
      fetch(`${url}/v1/estimate?model=torchvision/resnet34&batch=${i + 1}`),
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGTERM");
    const answers = await Promise.all(questions);
    expect(answers.map(({ status }) => status)).toEqual(questions.map(() => 200));
    expect(await ended).toBe(0);
  });
});

describe.skipIf(!isBuilt)(`plimsoll serve refuses${because}`, () => {
  it("a port that is none", () => expectComplaint(["serve", "--port", "70700"], ["--port", "70700"]));
  it("an address that is not this machine's", () =>
    expectComplaint(["serve", "--host", "203.0.113.1"], ["--host 203.0.113.1"]));
});

describe.skipIf(!isBuilt)(`plimsoll mcp${because}`, () => {
  it("lists and calls tools on standard input and output", async () => {
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [CLI, "mcp"] }));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain("estimate");
    const content = readFileSync("examples/grayscale-cnn.yaml", "utf8");
    const result = await client.callTool({
      name: "estimate",
      arguments: { file: { name: "grayscale-cnn.yaml", content }, setup: { batch: 128 } },
    });
    expect(result.structuredContent).toMatchObject({ model: { parameterCount: 19_072_984 } });
    await client.close();
  });
});
