/** Every complaint about `config.json` as a file, by code; those about its values are in models/complaints.ts. */
import { InputError } from "../../base/complaint.js";

export function fileTooLarge(source: string, size: number, most: number): InputError {
  return new InputError({
    code: "config/size",
    where: source,
    rule: "a configuration must be small",
    expected: `at most ${most} bytes`,
    got: `${size} bytes`,
    hint: "config.json as published with a model's weights takes a few KiB: this is some other file",
  });
}

export function badJson(source: string, problem: string): InputError {
  return new InputError({
    code: "config/json",
    where: source,
    rule: "a configuration must be JSON",
    expected: "one JSON object",
    got: problem,
    hint: "the file was cut short or edited by hand: take it from the model's page again",
  });
}

export function notAMap(source: string): InputError {
  return new InputError({
    code: "config/map",
    where: source,
    rule: "a configuration must be a map of keys",
    expected: '{ "model_type": "llama", … }',
    got: "another kind of JSON",
    hint: "take config.json as it is published beside the model's weights",
  });
}
