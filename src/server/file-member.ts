/** A file inside of JSON: its text, its JSON, or its bytes as base64. */
import { badMember } from "./complaints.js";
import type { JobFile } from "./job.js";

/** `{ name, content }` or `{ name, base64 }`; `member` is what it is called in complaints. */
export function readFileMember(
  file: Readonly<Record<string, unknown>>,
  member: string,
  path: string,
): JobFile {
  const { name = member, content, base64 } = file;
  if (typeof name !== "string") throw badMember(path, `${member} › name`, "text", typeof name);
  if (content === undefined && typeof base64 === "string") {
    const bytes = decodeBase64(base64);
    if (bytes) return { name, bytes };
    throw badMember(path, `${member} › base64`, "bytes as base64", "text that is not base64");
  }
  if (typeof content === "string") return { name, bytes: new TextEncoder().encode(content) };
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return { name, bytes: new TextEncoder().encode(JSON.stringify(content)) };
  throw badMember(
    path,
    `${member} › content`,
    "a file's text, its JSON, or base64 beside it",
    typeof content,
  );
}

function decodeBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}
