/** Loaded before the command: what the process computed, in milliseconds, is written where PLIMSOLL_CPU_REPORT says. */
const { writeFileSync } = require("node:fs");

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.PLIMSOLL_CPU_REPORT, String((user + system) / 1000));
});
