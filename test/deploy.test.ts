import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { review } from "../examples/integrations/admission.mjs";

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
  readonly args: readonly string[];
  readonly securityContext: object;
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
}

describe("what is deployed", () => {
  const manifests = parseAllDocuments(readFileSync("deploy/kubernetes.yaml", "utf8")).map(
    (one) => one.toJS() as Manifest,
  ); // as: our own file

  it("is three objects of Kubernetes", () => {
    expect(manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
      "apps/v1 Deployment",
      "v1 Service",
      "policy/v1 PodDisruptionBudget",
    ]);
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
  });

  it("is an image whose last stage has no root", () => {
    const lines = readFileSync("deploy/Dockerfile", "utf8").split("\n");
    const last = lines.findLastIndex((line) => line.startsWith("FROM"));
    expect(lines.slice(last)).toContain("USER node");
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
