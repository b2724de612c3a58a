/**
 * The optimizer of a step: what its constructor, its first and its later steps allocate, written into the ledger; in backward, an
 * optimizer of its own for every parameter.
 */
import type { Device } from "../frameworks/pytorch/kernel.js";
import type { Value, ValueId } from "../ir/graph.js";
import type { OptimizerChoice } from "../ir/setup.js";
import type { BlockId, Step } from "../ir/step.js";
import type { TensorSpec } from "../ir/tensor.js";
import type { Ledger } from "./ledger.js";
import { type OptimizerAction, type OptimizerPlan, planConstructor, planOptimizer } from "./optimizers.js";

interface Planned {
  /** What it steps, in its order. */
  readonly parameters: readonly Value[];
  /** Known once backward has run. */
  plan: OptimizerPlan | null;
  /** By the id of the optimizer's tensor. */
  readonly blocks: BlockId[];
}

export interface OptimizerContext {
  readonly ledger: Ledger;
  readonly device: Device;
  readonly choice: OptimizerChoice;
  /** What it steps, in its order. */
  readonly parameters: readonly Value[];
  /** Each parameter's steps in its post-accumulate-grad hook. */
  readonly inBackward: boolean;
  /** What it sees of a parameter. */
  readonly specOf: (parameter: Value) => Pick<TensorSpec, "shape" | "dtype">;
  /** By parameter; a gradient that was applied in backward is freed. */
  readonly gradients: Map<ValueId, BlockId>;
}

export class OptimizerRun {
  private readonly context: OptimizerContext;
  private readonly all: Planned;
  /** With the optimizer in backward, one for each parameter. */
  private readonly own = new Map<ValueId, Planned & { readonly plan: OptimizerPlan }>();

  constructor(context: OptimizerContext) {
    this.context = context;
    this.all = { parameters: context.parameters, plan: null, blocks: [] };
  }

  construct(): void {
    const { choice, device, parameters, inBackward, specOf } = this.context;
    if (inBackward) {
      for (const parameter of parameters) this.constructOwn(parameter);
      return;
    }
    this.perform(
      planConstructor(choice, parameters.map(specOf), device),
      "made by the optimizer's constructor",
    );
  }

  /** `first`: which parameters backward reaches is known by now. */
  step(first: boolean): void {
    const { choice, device, gradients, inBackward, specOf } = this.context;
    if (inBackward) return;
    if (first) {
      const given = this.all.parameters.map((parameter) => ({
        ...specOf(parameter),
        frozen: !gradients.has(parameter.id),
      }));
      this.all.plan = planOptimizer(choice, given, device);
    }
    const { plan } = this.all;
    if (plan) this.perform(first ? plan.first : plan.steady, "made by the first optimizer step");
  }

  /** The parameter's own optimizer steps, and its gradient is freed. */
  stepInBackward(id: ValueId, first: boolean): void {
    const { gradients, ledger } = this.context;
    const own = this.own.get(id);
    const gradient = gradients.get(id);
    if (!own || gradient === undefined) return;
    this.perform(first ? own.plan.first : own.plan.steady, "made by the first optimizer step", own);
    ledger.drop(gradient);
    gradients.delete(id);
  }

  /** What a step makes anew and keeps until the next. */
  carried(): Step["carried"] {
    return [this.all, ...this.own.values()].flatMap(({ plan, blocks }) =>
      (plan?.carried ?? []).map(({ made, before }) => ({
        made: blocks[made] as BlockId,
        before: blocks[before] as BlockId,
      })),
    );
  }

  private constructOwn(parameter: Value): void {
    const { choice, device, specOf } = this.context;
    const plan = planOptimizer(choice, [specOf(parameter)], device);
    const own = { parameters: [parameter], plan, blocks: [] };
    this.own.set(parameter.id, own);
    this.perform(plan.init, "made by the optimizer's constructor", own);
  }

  private perform(
    actions: readonly OptimizerAction[],
    origin: string,
    { blocks, parameters }: Planned = this.all,
  ): void {
    const { ledger } = this.context;
    for (const action of actions) {
      if (action.kind === "free") {
        ledger.drop(blocks[action.id] as BlockId);
        continue;
      }
      let block = blocks[action.id];
      if (block === undefined) {
        const state = action.role === "state";
        const parameter = action.parameter === null ? undefined : parameters[action.parameter]?.name;
        block = ledger.declare(
          action.bytes,
          state ? "optimizerStates" : "temporaries",
          parameter ? `${action.name} of ${parameter}` : action.name,
          state ? `${origin}, kept from then on` : "an intermediate list of the optimizer step",
          action,
        );
        blocks[action.id] = block;
      }
      ledger.allocate(block);
      ledger.hold(block);
    }
  }
}
