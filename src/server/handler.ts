/**
 * The service as a function from Request to Response; who opens a port, and where analyses run, is decided outside.
 *
 * Nothing is kept between requests, so that any number of copies can run behind a balancer.
 */
import { Hono } from "hono";
import { InputError } from "../complaints.js";
import type { CatalogueFiles } from "../index.js";
import { renderJson } from "../present/index.js";
import { noRoute, wrongMethod } from "./complaints.js";
import type { RunJob } from "./job.js";
import { KNOWN } from "./known.js";
import { answerMcp } from "./mcp.js";
import { openApi } from "./openapi.js";
import {
  isOperation,
  type Operation,
  OPERATION_NAMES,
  OPERATIONS,
  type OperationName,
} from "./operations.js";
import { bug, problem } from "./problems.js";
import { readQuestion } from "./request.js";

export interface HandlerOptions {
  /** Answers a question, here or in a worker. */
  readonly run: RunJob;
  readonly catalogue: CatalogueFiles;
  readonly version: string;
  /** Bytes that a body may have; default 64 MiB. */
  readonly mostBody?: number;
  /** Files of the web page, by path; null where there is none. */
  readonly page?: (path: string) => Promise<Response | null>;
  /** Told of errors that are bugs. */
  readonly onBug?: (error: unknown) => void;
}

const MOST_BODY = 64 * 1024 ** 2;

const ROUTES = [...OPERATION_NAMES, ...Object.keys(KNOWN)]
  .map((name) => `/v1/${name}`)
  .concat("/openapi.json", "/mcp", "/health");

export function createHandler(options: HandlerOptions): (request: Request) => Promise<Response> {
  const { run, catalogue, version, mostBody = MOST_BODY, page } = options;
  const app = new Hono();

  app.get("/health", (c) => c.json({ status: "ok", version }));
  app.get("/openapi.json", (c) => c.json(openApi(version, mostBody)));
  app.all("/mcp", ({ req }) => answerMcp(req.raw, { run, catalogue, version, lists: KNOWN }));
  for (const [name, list] of Object.entries(KNOWN))
    app.get(`/v1/${name}`, async ({ req }) =>
      json(renderJson(await list(req.query("pattern") ?? "", catalogue))),
    );
  app.on(["GET", "POST"], "/v1/:operation", async ({ req }) => {
    const operation = req.param("operation");
    if (!isOperation(operation)) throw noRoute(req.path, ROUTES);
    return answer(operation, req.raw);
  });
  app.all("/v1/:route", ({ req }) => {
    if (!ROUTES.includes(req.path)) throw noRoute(req.path, ROUTES);
    throw wrongMethod(req.path, req.method, isOperation(req.param("route")) ? "GET | POST" : "GET");
  });
  app.notFound(async ({ req }) => {
    const found = req.method === "GET" || req.method === "HEAD" ? await page?.(req.path) : null;
    if (found) return found;
    throw noRoute(req.path, ROUTES);
  });
  app.onError((error) => {
    if (error instanceof InputError) return problem(error.complaint, retry(error));
    options.onBug?.(error);
    return bug();
  });

  async function answer(operation: OperationName, request: Request): Promise<Response> {
    const { takesRecording }: Operation = OPERATIONS[operation];
    const outcome = await run({
      operation,
      ...(await readQuestion(request, mostBody, takesRecording ?? false)),
    });
    return outcome.kind === "answer" ? json(outcome.json) : problem(outcome.complaint);
  }

  return async (request) => app.fetch(request);
}

function json(text: string): Response {
  return new Response(text, { headers: { "content-type": "application/json" } });
}

function retry({ complaint }: InputError): Record<string, string> {
  return complaint.code === "server/busy" ? { "retry-after": "1" } : {};
}
