/** What a person can fix, in five parts. The first line names the place and the rule it breaks. */
export interface Complaint {
  /** Stable and searchable: `layer/rule`. */
  readonly code: string;
  /** File, node, line or flag. */
  readonly where: string;
  /** The rule, in the user's terms: lowercase, no full stop. */
  readonly rule: string;
  readonly expected: string;
  readonly got: string;
  readonly hint: string;
}

/** The input or a flag is wrong (exit code 2). */
export class InputError extends Error {
  readonly complaint: Complaint;
  constructor(complaint: Complaint) {
    super(printComplaint(complaint));
    this.name = "InputError";
    this.complaint = complaint;
  }
}

/** A complaint about a file: what stands in it may be long, on several lines, or no text at all; a part has at most `most` characters of it. */
export function complaintInBrief(complaint: Complaint, most: number): InputError {
  const parts = Object.entries(complaint).map(([part, text]: [string, string]) => {
    const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
    return [part, line.length > most ? `${line.slice(0, most)}…` : line || "nothing"];
  });
  return new InputError(Object.fromEntries(parts) as Complaint); // as: the same parts
}

/** The complaint as five aligned lines. */
export function printComplaint({ where, rule, code, expected, got, hint }: Complaint): string {
  return `${where}: ${rule} [${code}]\n  expected  ${expected}\n  got       ${got}\n  hint      ${hint}`;
}

/** A finding that does not stop the answer. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: "warning" | "info";
  readonly message: string;
  readonly where: string;
}
