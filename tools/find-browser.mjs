/**
 * Finds a Chromium for the tests of the page; prints its path. Where none is there and this is root on Debian, it is installed;
 * else it says what to install and ends with 1.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** @returns {string | null} */
export function findBrowser() {
  const named = process.env["PLIMSOLL_BROWSER"];
  if (named) return existsSync(named) ? named : null;
  for (const folder of (process.env["PATH"] ?? "").split(":"))
    for (const name of NAMES) if (folder && existsSync(`${folder}/${name}`)) return `${folder}/${name}`;
  return null;
}

function install() {
  if (process.getuid?.() !== 0) return;
  const options = {
    stdio: /** @type {const} */ ("ignore"),
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  const args = ["install", "-y", "--no-install-recommends", "chromium"];
  if (spawnSync("apt-get", args, options).status === 0) return;
  spawnSync("apt-get", ["update"], options);
  spawnSync("apt-get", args, options);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (!findBrowser()) install();
  const found = findBrowser();
  if (found) console.log(`browser: ${found}`);
  else {
    console.error(
      "the tests of the page need Chromium: install it (Debian: apt-get install chromium), or name one in PLIMSOLL_BROWSER",
    );
    process.exitCode = 1;
  }
}
