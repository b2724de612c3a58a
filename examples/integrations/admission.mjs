/**
 * A Kubernetes validating webhook: a pod with the annotation `plimsoll/question`, such as
 * `model=torchvision/resnet50&batch=256&gpu=a100`, is admitted when the service says that it fits.
 *
 * usage: PLIMSOLL=http://plimsoll node admission.mjs cert.pem key.pem
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const SERVICE = process.env["PLIMSOLL"] ?? "http://127.0.0.1:7070";
const MOST_BODY = 1024 ** 2;

/**
 * @param {{ request?: { uid?: string, object?: { metadata?: { annotations?: Record<string, string> } } } }} body
 * @param {(url: string) => Promise<Response>} ask
 */
export async function review({ request }, ask = fetch) {
  const question = request?.object?.metadata?.annotations?.["plimsoll/question"];
  /** @param {boolean} allowed @param {string} [message] */
  const answer = (allowed, message) => ({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid: request?.uid ?? "", allowed, ...(message && { status: { message } }) },
  });
  if (!question) return answer(true);
  const response = await ask(`${SERVICE}/v1/estimate?${new URLSearchParams(question)}`);
  const report = await response.json();
  if (!response.ok) return answer(false, report.detail);
  const { machine } = report;
  if (!machine) return answer(false, "plimsoll/question names no gpu");
  return answer(machine.verdict !== "does-not-fit", `${machine.gpu}: ${machine.verdict}`);
}

/** @param {AsyncIterable<unknown>} incoming */
async function bodyOf(incoming) {
  let text = "";
  for await (const chunk of incoming) {
    text += chunk;
    if (text.length > MOST_BODY) throw new Error("too large");
  }
  return JSON.parse(text);
}

const [, , certificate, key] = process.argv;
if (certificate && key)
  createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, async (incoming, outgoing) => {
    try {
      outgoing
        .setHeader("content-type", "application/json")
        .end(JSON.stringify(await review(await bodyOf(incoming))));
    } catch {
      outgoing.writeHead(400).end();
    }
  }).listen(8443);
