/** The OpenAPI 3.1 document, made of the tables that the routes are made of. */
import { type Operation, OPERATIONS } from "./operations.js";
import { REPORT_SCHEMAS } from "./report-schemas.js";
import { setupSchema } from "./settings-schema.js";
import { SETTING_ROWS } from "../settings.js";

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const content = (schema: object, type = "application/json") => ({ content: { [type]: { schema } } });

const PROBLEM = {
  type: "object",
  description: "RFC 9457 problem document with the five parts of a complaint",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", description: "stable and searchable" },
    where: { type: "string" },
    rule: { type: "string" },
    expected: { type: "string" },
    got: { type: "string" },
    hint: { type: "string" },
  },
  required: ["type", "title", "status", "detail"],
};

const MODEL = {
  anyOf: [
    { type: "string", description: "a name of GET /v1/models, such as torchvision/resnet50" },
    {
      type: "object",
      description: "a file: a layer spec, a Hugging Face config.json, … as text or JSON, others as base64",
      properties: {
        name: { type: "string" },
        content: { type: ["string", "object"] },
        base64: { type: "string", contentEncoding: "base64" },
      },
      additionalProperties: false,
    },
  ],
};

const FAILURES = {
  "4XX": {
    description: "the question is wrong; it says how",
    ...content(ref("Problem"), "application/problem+json"),
  },
  "5XX": { description: "busy, or a bug", ...content(ref("Problem"), "application/problem+json") },
};

const RECORDING = {
  type: "object",
  description:
    "what was measured: a trace of torch.profiler, a memory snapshot of PyTorch, a recording of `watch`",
  properties: {
    name: { type: "string" },
    content: { type: ["string", "object"] },
    base64: { type: "string", contentEncoding: "base64" },
  },
  additionalProperties: false,
};

const question = (members: object) => ({
  type: "object",
  properties: { model: ref("Model"), setup: ref("Setup"), ...members },
  required: ["model"],
  additionalProperties: false,
});

/** Of every report that an operation answers, and of all that those name. */
function reportSchemas(): Readonly<Record<string, unknown>> {
  const known = JSON.parse(REPORT_SCHEMAS.replaceAll("#/$defs/", "#/components/schemas/"));
  const found: Record<string, unknown> = {};
  const add = (name: string): void => {
    if (name in found) return;
    found[name] = known[name];
    for (const [, inner = ""] of JSON.stringify(known[name]).matchAll(/schemas\/(\w+)"/g)) add(inner);
  };
  for (const { report } of Object.values<Operation>(OPERATIONS)) add(report);
  return found;
}

export function openApi(version: string, mostBody: number): object {
  const { $schema, ...setup } = setupSchema();
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: $schema,
    info: {
      title: "Plimsoll",
      version,
      description: "How much GPU memory a training run takes, computed before anything runs.",
      license: { name: "MIT", identifier: "MIT" },
    },
    paths: { ...operationPaths(mostBody), ...listPaths(), ...otherPaths() },
    components: {
      schemas: {
        Setup: setup,
        Model: MODEL,
        Recording: RECORDING,
        Question: question({}),
        Comparison: question({ recording: ref("Recording") }),
        Problem: PROBLEM,
        ...reportSchemas(),
      },
    },
  };
}

function operationPaths(mostBody: number): object {
  const inQuery = Object.entries(SETTING_ROWS).map(([name, { help, kind }]) => ({
    name,
    in: "query",
    description: help,
    schema:
      kind === "list" || kind === "shapes"
        ? { type: "array", items: { type: "string" } }
        : { type: "string" },
  }));
  const named = { name: "model", in: "query", required: true, schema: { type: "string" } };
  const file = { type: "string", contentMediaType: "application/octet-stream" };
  return Object.fromEntries(
    Object.entries<Operation>(OPERATIONS).map(
      ([name, { title, description, beside = {}, takesRecording, report }]) => {
        const own = Object.entries(beside).map(([key, help]) => ({
          name: key,
          in: "query",
          description: help,
          schema: { type: "string" },
        }));
        const answers = {
          responses: {
            200: { description: `what \`plimsoll ${name} --json\` prints`, ...content(ref(report)) },
            ...FAILURES,
          },
        };
        return [
          `/v1/${name}`,
          {
            get: {
              operationId: name,
              summary: title,
              description,
              parameters: [named, ...own, ...inQuery],
              ...answers,
            },
            post: {
              operationId: `${name}-body`,
              summary: title,
              description: `${description} A body of at most ${mostBody} bytes; weights are never read.`,
              requestBody: {
                required: true,
                content: {
                  "application/json": { schema: ref(takesRecording ? "Comparison" : "Question") },
                  "multipart/form-data": {
                    schema: {
                      type: "object",
                      properties: {
                        model: file,
                        ...(takesRecording && { recording: file }),
                        setup: { type: "string" },
                      },
                      required: ["model"],
                    },
                  },
                  "application/octet-stream": {
                    schema: takesRecording
                      ? { ...file, description: "the recording; the model is named in the query" }
                      : file,
                  },
                },
              },
              ...answers,
            },
          },
        ];
      },
    ),
  );
}

function listPaths(): object {
  const list = (name: string, description: string, hasPattern: boolean) => ({
    [`/v1/${name}`]: {
      get: {
        operationId: name,
        summary: description,
        parameters: hasPattern ? [{ name: "pattern", in: "query", schema: { type: "string" } }] : [],
        responses: {
          200: { description, ...content({ type: "array", items: { type: "object" } }) },
          ...FAILURES,
        },
      },
    },
  });
  return {
    ...list("models", "models known by name", true),
    ...list("gpus", "devices with the memory a process can use", true),
    ...list("optimizers", "optimizers with the states they keep", false),
    ...list("formats", "model formats and how to make such files", false),
  };
}

function otherPaths(): object {
  const plain = (operationId: string, description: string, type: string) => ({
    get: { operationId, summary: description, responses: { 200: { description, ...content({}, type) } } },
  });
  return {
    "/health": plain("health", "whether the service takes requests", "application/json"),
    "/metrics": plain("metrics", "figures for Prometheus", "text/plain"),
    "/openapi.json": plain("openapi", "this document", "application/json"),
  };
}
