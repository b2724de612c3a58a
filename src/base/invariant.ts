/** Fails with a message that asks for a report: what it guards is Plimsoll's own promise, never the user's input. */
export function invariant(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new InvariantError(promise);
}

/** A bug in Plimsoll (exit code 70). */
export class InvariantError extends Error {
  constructor(promise: string) {
    super(`this is a bug in Plimsoll: ${promise}; please report it with the command and the model file`);
    this.name = "InvariantError";
  }
}
