/**
 * A profiler trace of any size, as a real one is pretty-printed: `node tools/make-trace.mjs FILE.json 120` writes 120 MB.
 * `node tools/make-trace.mjs --read FILE.json` reads it as `compare` does and prints speed and memory.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { openAsBlob } from "node:fs";

const [first = "", second = "120"] = process.argv.slice(2);
if (first === "--read") await read(second);
else write(first, Number(second) * 1e6);

/** @param {string} path @param {number} size */
function write(path, size) {
  const file = openSync(path, "w");
  let written = writeSync(file, '{\n  "schemaVersion": 1,\n  "deviceProperties": [],\n  "traceEvents": [\n');
  let [time, total, index] = [0, 1e9, 0];
  /** @param {string} cat @param {string} name @param {string} ph @param {number} thread @param {object} more */
  const event = (cat, name, ph, thread, more) => {
    const fields = { ph, cat, name, pid: 1, tid: thread, ts: time, ...more };
    const text = JSON.stringify(fields, null, 2).replace(/^/gm, "  ");
    written += writeSync(file, `${index === 0 ? "" : ",\n"}${text}`);
    index++;
  };
  /** @param {number} address @param {number} bytes @param {number} thread */
  const memory = (address, bytes, thread) => {
    total += bytes;
    event("cpu_instant_event", "[memory]", "i", thread, {
      s: "t",
      args: {
        "Total Reserved": 4e9,
        "Total Allocated": total,
        Bytes: bytes,
        "Device Id": 0,
        "Device Type": 1,
        Addr: address,
        finished: false,
        "Ev Idx": index,
      },
    });
    time += 1;
  };
  const op = (/** @type {string} */ name, /** @type {number} */ thread, /** @type {number} */ dur) =>
    event("cpu_op", name, "X", thread, {
      dur,
      args: { "External id": index, "Record function id": 0, "Ev Idx": index },
    });
  while (written < size) {
    for (let layer = 0; layer < 200; layer++) {
      op("aten::addmm", 1, 3);
      op("aten::relu", 1, 3);
      memory(1e12 + layer * 1e6, 1e6 - 64, 1);
    }
    for (let layer = 199; layer >= 0; layer--) {
      op("autograd::engine::evaluate_function: AddmmBackward0", 2, 2);
      op("aten::mm", 2, 2);
      memory(1e12 + layer * 1e6, 64 - 1e6, 2);
    }
    event("user_annotation", "Optimizer.step#AdamW.step", "X", 1, { dur: 5, args: {} });
    time += 10;
  }
  writeSync(file, '\n  ],\n  "traceName": "trace.json"\n}\n');
  closeSync(file);
}

/** @param {string} path */
async function read(path) {
  const { readRecording } = await import("../dist/index.js");
  const file = await openAsBlob(path);
  const start = performance.now();
  const { allocated, steps } = await readRecording(file, { name: path });
  const seconds = (performance.now() - start) / 1000;
  const resident = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${(file.size / 1e6).toFixed(0)} MB in ${seconds.toFixed(2)} s: ${(file.size / 1e6 / seconds).toFixed(0)} MB/s, at most ${resident.toFixed(0)} MiB resident; ${steps} steps, peak ${allocated}`,
  );
}
