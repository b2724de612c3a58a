/** What can be wrong with a profiler's trace. */
import { InputError } from "../../base/complaint.js";

const AGAIN = "with torch.profiler.profile(profile_memory=True) as prof: …; prof.export_chrome_trace(FILE)";

export function badEvent(where: string, index: number, got: string): InputError {
  return new InputError({
    code: "trace/event",
    where: `${where}, event ${index}`,
    rule: "an event must be valid JSON",
    expected: "what torch.profiler writes",
    got,
    hint: "the file was edited or damaged; export it again",
  });
}

export function badFigure(where: string, index: number, field: string, got: string): InputError {
  return new InputError({
    code: "trace/figure",
    where: `${where}, event ${index}`,
    rule: "figures of a [memory] event must be whole numbers of bytes",
    expected: `a whole number under "${field}"`,
    got,
    hint: "the file was edited or damaged; export it again",
  });
}

export function takenAddress(where: string, index: number, address: number): InputError {
  return new InputError({
    code: "trace/address",
    where: `${where}, event ${index}`,
    rule: "an address must be free when it is handed out",
    expected: "a release of it before",
    got: `a second block at ${address}`,
    hint: "events are missing or not in order; is this one process's trace, as it was exported?",
  });
}

export function noMemoryEvents(where: string): InputError {
  return new InputError({
    code: "trace/no-memory",
    where,
    rule: "the trace must hold memory events",
    expected: 'events named "[memory]"',
    got: "none",
    hint: AGAIN,
  });
}

export function manyEvents(where: string, limit: number): InputError {
  return new InputError({
    code: "trace/events",
    where,
    rule: "a trace must hold a plausible number of memory events",
    expected: `at most ${limit}`,
    got: "more",
    hint: "record a few steps: schedule=torch.profiler.schedule(wait=1, warmup=1, active=3)",
  });
}
