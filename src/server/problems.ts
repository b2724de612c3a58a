/** Complaints as HTTP answers: RFC 9457 problem documents that have the five parts as members. */
import type { Complaint } from "../index.js";
import { printComplaint } from "../index.js";

/** Codes whose status is not 400; the rest of a question is one that can be asked differently. */
const STATUS: Readonly<Record<string, number>> = {
  "catalogue/model": 404,
  "server/no-route": 404,
  "server/method": 405,
  "server/body-size": 413,
  "server/media-type": 415,
  "server/time": 422,
  "server/memory": 422,
  "server/busy": 503,
  "server/draining": 503,
};

/** A complaint as `application/problem+json`. */
export function problem(complaint: Complaint, headers: Readonly<Record<string, string>> = {}): Response {
  const status = STATUS[complaint.code] ?? 400;
  const body = {
    type: `urn:plimsoll:complaint:${complaint.code}`,
    title: complaint.rule,
    status,
    detail: printComplaint(complaint),
    ...complaint,
  };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json", ...headers } });
}

/** Ours to fix: the text of the error stays in the log. */
export function bug(): Response {
  const body = {
    type: "urn:plimsoll:bug",
    title: "a bug in Plimsoll",
    status: 500,
    detail: "please report it with the request and the model",
  };
  return Response.json(body, { status: 500, headers: { "content-type": "application/problem+json" } });
}
