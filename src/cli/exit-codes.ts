/** Exit codes: answered (and it fits), it does not fit, the input or a flag is wrong, a bug. */
export const EXIT = { done: 0, doesNotFit: 1, wrongInput: 2, bug: 70 } as const;
