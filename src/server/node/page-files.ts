/** Files of the built web page. */
import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
  ".gz": "application/gzip",
  ".woff2": "font/woff2",
};

const HEADERS = {
  "content-security-policy":
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

export interface PageFolders {
  readonly page: URL;
  /** Served below the page as `catalogue/`. */
  readonly catalogue: URL;
}

const CATALOGUE = `catalogue${sep}`;

/** The file at a path, or null. Names under assets/ carry a hash and never change. */
export function pageFiles(folders: PageFolders): (path: string) => Promise<Response | null> {
  const [page, catalogue] = [fileURLToPath(folders.page), fileURLToPath(folders.catalogue)];
  return async (path) => {
    const name = fileOf(path);
    if (name === null) return null;
    const file = name.startsWith(CATALOGUE)
      ? join(catalogue, name.slice(CATALOGUE.length))
      : join(page, name);
    const bytes = await readFile(file).catch(() => null);
    if (bytes === null) return null;
    const cached = name.startsWith(`assets${sep}`) ? "public, max-age=31536000, immutable" : "no-cache";
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    return new Response(new Uint8Array(bytes), {
      headers: { ...HEADERS, "content-type": type, "cache-control": cached },
    });
  };
}

/** A path below the root; null for what leads out of it. */
function fileOf(path: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  const name = normalize(decoded === "/" ? "index.html" : decoded.replace(/^\/+/, ""));
  return name.startsWith("..") || name.includes("\0") || name.startsWith(sep) ? null : name;
}
