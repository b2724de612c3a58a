import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { review } from "../examples/integrations/admission.mjs";
import { lintDockerfile } from "./lint-dockerfile.js";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: {
    readonly template?: {
      readonly spec: { readonly securityContext: object; readonly containers: readonly Container[] };
    };
  };
}
interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly securityContext: object;
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
}

const read = (path: string) => readFileSync(path, "utf8");
const manifests = parseAllDocuments(read("deploy/kubernetes.yaml")).map((one) => one.toJS() as Manifest); // as: our own file

describe("what is deployed", () => {
  /** Kubernetes' own schema, strict: a field that it does not know is a mistake. */
  const published = JSON.parse(read("test/fixtures/kubernetes-1.37.schema.json")) as {
    readonly kinds: Readonly<Record<string, string>>;
  };
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false }).addSchema(published, "k8s");
  const mistakes = (manifest: Manifest): readonly string[] => {
    const kind = published.kinds[`${manifest.apiVersion} ${manifest.kind}`];
    if (!kind) return [`${manifest.apiVersion} ${manifest.kind} is not among the kinds of the fixture`];
    const isValid = ajv.getSchema(`k8s${kind}`);
    if (!isValid) throw new Error(`no schema ${kind}`);
    isValid(manifest);
    return (isValid.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };

  it("is three objects of Kubernetes, as its schema has them", () => {
    expect(manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
      "apps/v1 Deployment",
      "v1 Service",
      "policy/v1 PodDisruptionBudget",
    ]);
    for (const manifest of manifests) expect(mistakes(manifest), manifest.kind).toEqual([]);
  });

  it.each([
    ["an unknown field", (text: string) => text.replace("replicas:", "replica:")],
    ["a number that is text", (text: string) => text.replace("replicas: 2", 'replicas: "two"')],
    [
      "a field on the wrong level",
      (text: string) => text.replace("  replicas: 2\n", "  runAsNonRoot: true\n"),
    ],
    ["a port without its number", (text: string) => text.replace("containerPort: 7070", "hostIP: x")],
    ["a probe that is none", (text: string) => text.replace("periodSeconds: 2", "period: 2")],
  ])("%s would be found", (_, broken) => {
    const found = parseAllDocuments(broken(read("deploy/kubernetes.yaml"))).flatMap((one) =>
      mistakes(one.toJS() as Manifest),
    );
    expect(found.length).toBeGreaterThan(0);
  });

  it("runs without root, on a file system it cannot write, and says when it is ready", () => {
    const pod = manifests[0]?.spec.template?.spec;
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true });
    const [container] = pod?.containers ?? [];
    expect(container?.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    expect(container?.readinessProbe.httpGet.path).toBe("/health");
    expect(container?.args[0]).toBe("serve");
    const { version } = JSON.parse(read("package.json")) as { version: string };
    expect(container?.image).toBe(`plimsoll:${version}`);
  });

  it("is an image that is pinned, has no root, and changes nothing", () => {
    expect(lintDockerfile(read("deploy/Dockerfile"))).toEqual([]);
  });

  it.each([
    ["a moving base", ["FROM node:20.20.2-bookworm-slim\n", "FROM node:20-slim\n"], "pinned"],
    ["no user", ["USER 1000:1000\n", ""], "USER"],
    ["root", ["USER 1000:1000", "USER root"], "USER"],
    ["a user by name, which Kubernetes cannot check", ["USER 1000:1000", "USER node"], "USER"],
    [
      "files that the process may change",
      ["COPY --from=build /app/dist", "COPY --chown=1000 --from=build /app/dist"],
      "root",
    ],
    ["something run in the last stage", ["EXPOSE 7070", "RUN npm install\nEXPOSE 7070"], "RUN"],
    ["sources in the last stage", ["COPY --from=build /app/dist ./dist", "COPY . ."], "COPY"],
    [
      "a shell around the process",
      ['ENTRYPOINT ["node", "dist/cli/main.js"]', "ENTRYPOINT node dist/cli/main.js"],
      "ENTRYPOINT",
    ],
    [
      "something from the network",
      ["WORKDIR /app\nCOPY . .", "ADD https://example.org/x /x\nCOPY . ."],
      "ADD",
    ],
    ["no health", [/HEALTHCHECK.*\n/, ""], "HEALTHCHECK"],
  ] as const)("%s would be found", (_, [what, instead], word) => {
    const found = lintDockerfile(read("deploy/Dockerfile").replace(what, instead));
    expect(found.join("\n")).toContain(word);
  });
});

describe("the admission example", () => {
  const pod = (question?: string) => ({
    request: {
      uid: "1",
      object: { metadata: { annotations: question ? { "plimsoll/question": question } : {} } },
    },
  });
  const says =
    (body: object, status = 200) =>
    async () =>
      Response.json(body, { status });

  it("admits what does not ask", async () => {
    expect((await review(pod(), says({}))).response.allowed).toBe(true);
  });

  it("admits what fits and refuses what does not, or what is wrong", async () => {
    const machine = (verdict: string) => says({ machine: { gpu: "A100-80GB", verdict } });
    const question = "model=torchvision/resnet50&batch=8&gpu=a100";
    expect((await review(pod(question), machine("fits"))).response.allowed).toBe(true);
    expect((await review(pod(question), machine("does-not-fit"))).response.allowed).toBe(false);
    expect((await review(pod(question), says({ detail: "unknown" }, 404))).response).toMatchObject({
      allowed: false,
      status: { message: "unknown" },
    });
  });
});
