/** `plimsoll mcp`: the tools on standard input and output, until the client closes them. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { KNOWN } from "../../server/known.js";
import { createRunner } from "../../server/job.js";
import { mcpServer } from "../../server/mcp.js";
import { catalogueFiles } from "../catalogue-files.js";
import { EXIT } from "../exit-codes.js";

export async function runMcp(version: string): Promise<number> {
  const catalogue = catalogueFiles();
  const server = mcpServer({ run: createRunner(catalogue), catalogue, version, lists: KNOWN });
  const closed = new Promise<void>((resolve) => {
    server.server.onclose = resolve;
    process.stdin.once("end", resolve);
  });
  await server.connect(new StdioServerTransport());
  await closed;
  return EXIT.done;
}
