import { describe, expect, test } from "vitest";
import { chooseOptimizer } from "./choose-optimizer.js";
import { OPTIMIZERS } from "./optimizers.js";

describe("chooseOptimizer", () => {
  test.for(Object.keys(OPTIMIZERS))("%s alone takes PyTorch's defaults", (name) => {
    expect(chooseOptimizer(name)).toEqual({ name, options: {} });
  });

  const written: readonly (readonly [string, string, Record<string, number | boolean>])[] = [
    ["sgd:momentum=0.9,nesterov=true", "sgd", { momentum: 0.9, nesterov: true }],
    ["sgd:momentum=0.9,nesterov", "sgd", { momentum: 0.9, nesterov: true }],
    ["adamw:fused=true", "adamw", { fused: true }],
    ["adam:amsgrad", "adam", { amsgrad: true }],
    ["AdamW : foreach=False", "adamw", { foreach: false }],
    ["sgd:lr=1e-2,momentum=.9", "sgd", { momentum: 0.9 }],
    ["adamw:lr=3e-4,weight_decay=0.1", "adamw", {}],
    ["adam:weight_decay=0.1", "adam", { weight_decay: 0.1 }],
    ["sgd:momentum=0,weight_decay=0,maximize=false", "sgd", {}],
    ["lbfgs:history_size=10,max_iter=20", "lbfgs", { history_size: 10 }],
    ["asgd:t0=-1", "asgd", { t0: -1 }],
  ];
  test.for(written)("%s", ([text, name, options]) => {
    expect(chooseOptimizer(text)).toEqual({ name, options });
  });
});

describe("complaints", () => {
  const complaints: readonly (readonly [string, string])[] = [
    [
      "adamax2",
      `--optimizer: the optimizer must be one that Plimsoll knows [training/unknown-optimizer]
  expected  sgd, adam, adamw, adagrad, rmsprop, adadelta, adamax, nadam, radam, asgd, rprop, lbfgs, adafactor, muon, lion, lamb, lars, ademamix, adan, sophia, shampoo, soap, hf-adafactor, schedule-free-adamw, schedule-free-sgd, galore-adamw, adam8bit, adamw8bit, ademamix8bit, lamb8bit, lion8bit, sgd8bit, rmsprop8bit, adagrad8bit, adamw32bit, lion32bit, paged-adamw, paged-adamw8bit, paged-lion, paged-lion8bit, torchao-adam8bit, torchao-adamw8bit, torchao-adamw4bit, torchao-adamwfp8
  got       "adamax2"
  hint      did you mean "adamax"?`,
    ],
    [
      "sgd:momentun=0.9",
      `--optimizer: the option must be one of SGD [training/unknown-optimizer-option]
  expected  lr, momentum, dampening, weight_decay, nesterov, maximize, foreach, fused
  got       "momentun"
  hint      did you mean "momentum"?`,
    ],
    [
      "adam:betas=0.9",
      `--optimizer: the option must be one of Adam [training/unknown-optimizer-option]
  expected  lr, eps, weight_decay, amsgrad, foreach, fused, maximize, capturable, decoupled_weight_decay
  got       "betas"
  hint      leave out what is neither a number nor a flag: it changes no memory`,
    ],
    [
      "sgd:momentum=high",
      `--optimizer: momentum of SGD must be a number of at least 0 [training/optimizer-option-value]
  expected  a number of at least 0
  got       "high"
  hint      write momentum=0`,
    ],
    [
      "adam:amsgrad=1",
      `--optimizer: amsgrad of Adam must be true or false [training/optimizer-option-value]
  expected  true or false
  got       "1"
  hint      write amsgrad or amsgrad=false`,
    ],
    [
      "lbfgs:history_size=100000",
      `--optimizer: history_size of LBFGS must be a whole number from 1 to 200 [training/optimizer-option-value]
  expected  a whole number from 1 to 200
  got       "100000"
  hint      write history_size=100`,
    ],
    [
      "sgd:nesterov",
      `--optimizer: Nesterov momentum needs a momentum [training/optimizer-options]
  expected  options that SGD takes together
  got       nesterov
  hint      add momentum=0.9`,
    ],
    [
      "adam:foreach,fused",
      `--optimizer: foreach and fused must not both be true [training/optimizer-options]
  expected  options that Adam takes together
  got       foreach, fused
  hint      name the implementation that is wanted`,
    ],
    [
      "sgd:momentum=0.9,momentum=0.8",
      `--optimizer: an optimizer's option must be given once [training/optimizer-option-twice]
  expected  one momentum
  got       two
  hint      remove one momentum`,
    ],
  ];
  test.for(complaints)("%s", ([text, message]) => {
    expect(() => chooseOptimizer(text, "--optimizer")).toThrow(message);
  });

  test.for([
    "",
    ":",
    "sgd:",
    "sgd:=",
    "sgd:momentum",
    "sgd:momentum=",
    "sgd:momentum=-1",
    "sgd:momentum=1e999",
    "muon:ns_steps=2.5",
    "adam:amsgrad=constructor",
    "constructor",
    "sgd:toString=1",
  ])("%j is a complaint, not a crash", (text) => {
    expect(() => chooseOptimizer(text)).toThrow(/ \[training\//);
  });
});
