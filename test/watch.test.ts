/** `plimsoll watch` as a process: what it runs, records and returns. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { readRecording } from "../src/index.js";
import { because, createFolder, expectComplaint, isBuilt, MODEL, run } from "./run-cli.js";

const { file, remove } = createFolder();
afterAll(remove);

const NODE = process.execPath;
const here = (name: string) => file(name, "");
const isLinux = process.platform === "linux";
const skipped = isLinux ? because : " (skipped: /proc is Linux's)";
const watch = (output: string, command: readonly string[], path = "/nonexistent") =>
  run(["watch", "--interval", "20", "--output", output, "--", ...command], { env: { PATH: path } });
const read = async (output: string) => readRecording(new Uint8Array(readFileSync(output)), { name: output });
/** Takes 200 MB in a process of its own, a grandchild of the watcher. */
const GROW = `require("child_process").spawnSync(process.execPath, ["-e", "const b = Buffer.alloc(2e8, 1); setTimeout(() => b, 400)"]); console.log("out"); process.exit(3)`;

test.skipIf(!isBuilt || !isLinux)(
  `the whole tree is counted, output passes, the exit code is the command's${skipped}`,
  async () => {
    const output = here("tree.jsonl");
    const { status, stdout, stderr } = watch(output, [NODE, "-e", GROW]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: "out\n" });
    expect(stderr).toContain("no nvidia-smi or rocm-smi here: host memory alone is recorded");
    const recording = await read(output);
    expect(recording.host).toBeGreaterThan(2e8);
    expect(recording).toMatchObject({ format: "watch-recording", isGpu: false, deviceTotal: null });
    expectComplaint(["compare", MODEL, output], ["[compare/nothing]"]);
  },
);

test.skipIf(!isBuilt)(`a command that crashes leaves a whole recording${because}`, async () => {
  const output = here("crash.jsonl");
  const { status } = watch(output, [
    NODE,
    "-e",
    "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200)",
  ]);
  expect(status).toBe(128 + 9);
  expect(readFileSync(output, "utf8").trimEnd().split("\n").at(-1)).toBe(
    '{"ended":true,"exitCode":null,"signal":"SIGKILL"}',
  );
});

test.skipIf(!isBuilt)(`signals go on to the command${because}`, async () => {
  const output = here("signal.jsonl");
  const script =
    "process.on('SIGTERM', () => { console.log('bye'); process.exit(7); }); console.log('up'); setInterval(() => 0, 1000)";
  const child = spawn(NODE, ["dist/cli/main.js", "watch", "--output", output, "--", NODE, "-e", script]);
  let text = "";
  child.stdout.on("data", (data: Buffer) => {
    text += data.toString();
    if (text === "up\n") child.kill("SIGTERM");
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect({ code, text }).toEqual({ code: 7, text: "up\nbye\n" });
});

/** Prints what nvidia-smi 550 prints for one GPU on which `$PPID`'s parent's child has 1,500 MiB. */
const SMI = `#!/bin/sh
case "$1" in
  --query-gpu=index,uuid*) echo "0, GPU-aa, NVIDIA A100-SXM4-80GB, 81920, 400" ;;
  --query-compute-apps*) PIDS ;;
  --query-gpu=index,memory.used) echo "0, 1400" ;;
esac
`;
const smi = (pids: string) => {
  const path = file("nvidia-smi", SMI.replace("PIDS", pids));
  chmodSync(path, 0o755);
  return `${path.replace(/\/nvidia-smi$/, "")}:/usr/bin:/bin`;
};

test.skipIf(!isBuilt || !isLinux)(
  `GPU memory is that of the tree's processes where the driver names them${skipped}`,
  async () => {
    const output = here("gpu.jsonl");
    // every process there is has 1,500 MiB: of the watched tree one process counts
    const path = smi('for d in /proc/[0-9]*; do echo "$(basename $d), GPU-aa, 1500"; done');
    expect(watch(output, [NODE, "-e", "setTimeout(() => 0, 500)"], path).status).toBe(0);
    expect(await read(output)).toMatchObject({ device: "GPU 0", deviceTotal: 1500 * 1024 ** 2 });
    const { stdout } = run(["compare", MODEL, output, "--batch", "64", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ measured: { deviceTotalBytes: 1500 * 1024 ** 2 } });
  },
);

test.skipIf(!isBuilt || !isLinux)(`else it is the device's, less what it held before${skipped}`, async () => {
  const output = here("device.jsonl");
  expect(watch(output, [NODE, "-e", "setTimeout(() => 0, 300)"], smi("true")).status).toBe(0);
  const recording = await read(output);
  expect(recording).toMatchObject({ device: "GPU 0", deviceTotal: 1000 * 1024 ** 2 });
  expect(recording.diagnostics.map(({ code }) => code)).toContain("watch/device");
});

test.skipIf(!isBuilt)(`what cannot be watched is a complaint${because}`, () => {
  expectComplaint(["watch", "--output", here("x"), "--", "no-such-program"], ["[watch/command]", "ENOENT"]);
  expectComplaint(["watch", "--interval", "0", "--", "true"], ["[cli/number]", "--interval"]);
  expectComplaint(["watch", "--output", "/nonexistent/x", "--", "true"], ["[cli/write]"]);
  expectComplaint(["watch"], ["[cli/usage]"]);
  expect(spawnSync(NODE, ["dist/cli/main.js", "watch", "--help"], { encoding: "utf8" }).stdout).toContain(
    "-- <command...>",
  );
});
