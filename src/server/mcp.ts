/** The same answers as tools of the Model Context Protocol: over HTTP without sessions, and on standard input and output. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { InputError } from "../complaints.js";
import { type CatalogueFiles, printComplaint } from "../index.js";
import { readFileMember } from "./file-member.js";
import type { Outcome, RunJob } from "./job.js";
import type { Known } from "./known.js";
import { type Operation, OPERATION_NAMES, OPERATIONS } from "./operations.js";
import { SETTINGS_SHAPE } from "./settings-schema.js";

export interface McpOptions {
  readonly run: RunJob;
  readonly catalogue: CatalogueFiles;
  readonly version: string;
  readonly lists: Known;
}

/** The input of an operation's tool. */
function questionOf({ beside = {}, takesRecording }: Operation) {
  const own = Object.entries(beside).map(([name, help]) => [
    name,
    z.union([z.string(), z.number()]).describe(help).optional(),
  ]);
  return {
    ...QUESTION,
    ...(takesRecording && { recording: RECORDING }),
    setup: z.strictObject({ ...SETTINGS_SHAPE, ...Object.fromEntries(own) }).optional(),
  };
}

const RECORDING = z
  .object({ name: z.string(), content: z.string().optional(), base64: z.string().optional() })
  .optional()
  .describe("what was measured: a torch.profiler trace as text, or gzipped or a memory snapshot as base64");

const QUESTION = {
  model: z
    .string()
    .optional()
    .describe("a name that `models` lists, such as torchvision/resnet50 or hf/meta-llama/Llama-3.1-8B"),
  file: z
    .object({ name: z.string(), content: z.string() })
    .optional()
    .describe("instead of a name: a text file, such as a layer spec or a Hugging Face config.json"),
};
type Question = z.infer<z.ZodObject<typeof QUESTION>> & {
  readonly setup?: Readonly<Record<string, unknown>> | undefined;
  readonly recording?: z.infer<typeof RECORDING>;
};

export function mcpServer({ run, catalogue, version, lists }: McpOptions): McpServer {
  const server = new McpServer({ name: "plimsoll", version });
  const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false };
  for (const operation of OPERATION_NAMES) {
    const { title, description } = OPERATIONS[operation];
    const about = { title, description, inputSchema: questionOf(OPERATIONS[operation]), annotations };
    server.registerTool(operation, about, async ({ model, file, recording, setup = {} }: Question) => {
      if (model === undefined && file === undefined) return refused("expected  a model's name, or a file");
      const asked = file
        ? { kind: "file" as const, name: file.name, bytes: new TextEncoder().encode(file.content) }
        : { kind: "name" as const, name: model ?? "" };
      try {
        const measured = recording ? readFileMember(recording, "recording", operation) : null;
        return resultOf(await run({ operation, model: asked, recording: measured, settings: setup }));
      } catch (error) {
        if (error instanceof InputError) return refused(printComplaint(error.complaint));
        throw error;
      }
    });
  }
  for (const [name, list] of Object.entries(lists)) {
    const about = {
      title: `Known ${name}`,
      description: `Lists the ${name} that Plimsoll knows; \`pattern\` narrows models and gpus.`,
      inputSchema: { pattern: z.string().optional() },
      annotations,
    };
    server.registerTool(name, about, async ({ pattern = "" }) => {
      try {
        return said(JSON.stringify(await list(pattern, catalogue)));
      } catch (error) {
        if (error instanceof InputError) return refused(printComplaint(error.complaint));
        throw error;
      }
    });
  }
  return server;
}

/** A request of the streamable HTTP transport. No session: a server lives as long as its request. */
export async function answerMcp(request: Request, options: McpOptions): Promise<Response> {
  const server = mcpServer(options);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request);
}

function resultOf(outcome: Outcome): CallToolResult {
  if (outcome.kind === "complaint") return refused(printComplaint(outcome.complaint));
  return { ...said(outcome.json), structuredContent: JSON.parse(outcome.json) };
}

function said(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

function refused(text: string): CallToolResult {
  return { ...said(text), isError: true };
}
