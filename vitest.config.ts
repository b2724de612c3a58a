import { defineConfig } from "vitest/config";

/** `.ci/run` names a file here to count passed and failed tests; people never need it. */
const reportFile = process.env["PLIMSOLL_TEST_REPORT"];

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "web/test/**/*.test.ts"],
    passWithNoTests: true,
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 60_000,
    reporters: reportFile ? ["default", ["json", { outputFile: reportFile }]] : ["default"],
  },
});
