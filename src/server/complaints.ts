/** What can be wrong with a request before its model is looked at. */
import { didYouMean, InputError } from "../complaints.js";

export function noRoute(path: string, known: readonly string[]): InputError {
  return new InputError({
    code: "server/no-route",
    where: path,
    rule: "the path must be one of the service's",
    expected: known.join(" | "),
    got: path,
    hint: didYouMean(path, known, "GET /openapi.json lists every route"),
  });
}

export function wrongMethod(path: string, method: string, allowed: string): InputError {
  return new InputError({
    code: "server/method",
    where: path,
    rule: "the method must be one that the route answers",
    expected: allowed,
    got: method,
    hint: "GET asks with a query, POST with a body",
  });
}

export function tooLargeBody(path: string, most: number): InputError {
  return new InputError({
    code: "server/body-size",
    where: path,
    rule: "the body must not be larger than the service's limit",
    expected: `at most ${most} bytes`,
    got: "more",
    hint: "weights are never read: send the file without them, or start the service with a larger --max-body",
  });
}

export function wrongMediaType(path: string, got: string): InputError {
  return new InputError({
    code: "server/media-type",
    where: path,
    rule: "the body must be of a type that is read",
    expected: "application/json | multipart/form-data | application/octet-stream",
    got: got === "" ? "none" : got,
    hint: "send { model, setup } as JSON, or the model's file as multipart field `model`",
  });
}

export function badJson(path: string, problem: string): InputError {
  return new InputError({
    code: "server/json",
    where: `${path} › body`,
    rule: "the body must be JSON",
    expected: `an object such as {"model": "torchvision/resnet50", "setup": {"batch": 32}}`,
    got: problem,
    hint: "check brackets and quotes",
  });
}

export function badMember(path: string, member: string, expected: string, got: string): InputError {
  return new InputError({
    code: "server/member",
    where: `${path} › ${member}`,
    rule: "members of the body must be what the service knows",
    expected,
    got,
    hint: "GET /openapi.json has the schema",
  });
}

export function tooLong(where: string, seconds: number): InputError {
  return new InputError({
    code: "server/time",
    where,
    rule: "an analysis must end within the service's time limit",
    expected: `at most ${seconds} s`,
    got: "more; it was stopped",
    hint: "ask with a smaller model, or start the service with a larger --max-seconds",
  });
}

export function tooMuchMemory(where: string, megabytes: number): InputError {
  return new InputError({
    code: "server/memory",
    where,
    rule: "an analysis must stay within the service's memory limit",
    expected: `at most ${megabytes} MiB of heap`,
    got: "more; it was stopped",
    hint: "ask with a smaller model, or compute it with the command line",
  });
}

export function busy(where: string, waiting: number): InputError {
  return new InputError({
    code: "server/busy",
    where,
    rule: "only so many analyses may wait",
    expected: `fewer than ${waiting} waiting`,
    got: `${waiting} waiting`,
    hint: "try again in a second, or run more copies of the service: it keeps no state",
  });
}
