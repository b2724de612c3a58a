/**
 * Plan → accelerate's YAML: FSDP2 with a mesh, or a DeepSpeed plugin.
 *
 * Source  src/accelerate/commands/config/config_args.py (ClusterConfig), commands/launch.py (fsdp_…, parallelism_config_…),
 *         accelerate 16cb6eb8
 */
import type { Plan, PlanReport } from "../../report/plan/report.js";

type Lines = readonly (readonly [key: string, value: string | number | boolean])[];

export function accelerateFile(plan: Plan, { cluster }: PlanReport): string {
  const common: Lines = [
    ["compute_environment", "LOCAL_MACHINE"],
    ["distributed_type", plan.zero === null ? "FSDP" : "DEEPSPEED"],
    ["mixed_precision", "bf16"],
    ["num_machines", cluster.nodes],
    ["num_processes", cluster.gpus],
    ["machine_rank", 0],
    ["main_training_function", "main"],
    ["rdzv_backend", "static"],
  ];
  const sections = plan.zero === null ? sharded(plan) : [section("deepspeed_config", deepspeed(plan))];
  return [...yaml(common, ""), ...sections.flat(), ...remarks(plan), ""].join("\n");
}

function section(name: string, lines: Lines): string[] {
  return [`${name}:`, ...yaml(lines, "  ")];
}

function yaml(lines: Lines, indent: string): string[] {
  return lines.map(([key, value]) => `${indent}${key}: ${value}`);
}

function sharded({ mesh, way, checkpointing }: Plan): string[][] {
  const fsdp: Lines = [
    ["fsdp_version", 2],
    ["fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"],
    ["fsdp_reshard_after_forward", way === "fsdp"],
    ["fsdp_activation_checkpointing", checkpointing === "full"],
    ["fsdp_offload_params", false],
    ["fsdp_state_dict_type", "SHARDED_STATE_DICT"],
    ["fsdp_cpu_ram_efficient_loading", true],
  ];
  const parallel: Lines = [
    ["parallelism_config_dp_replicate_size", mesh.dp],
    ["parallelism_config_dp_shard_size", mesh.fsdp],
    ["parallelism_config_tp_size", mesh.tp],
    ["parallelism_config_cp_size", 1],
  ];
  return [section("fsdp_config", fsdp), section("parallelism_config", parallel)];
}

function deepspeed({ zero, accumulate, offload }: Plan): Lines {
  const at = (what: string) => (offload?.includes(what) ? "cpu" : "none");
  return [
    ["zero_stage", zero ?? 0],
    ["gradient_accumulation_steps", accumulate],
    ["offload_optimizer_device", at("optimizer")],
    ["offload_param_device", at("parameters")],
    ["zero3_init_flag", zero === 3],
  ];
}

/** What the script says, not the file. */
function remarks({ batch, accumulate, checkpointing }: Plan): string[] {
  return [
    `# in the script: micro-batches of ${batch}, Accelerator(gradient_accumulation_steps=${accumulate}), parameters in float32${checkpointing === "none" ? "" : `, checkpointing ${checkpointing}`}`,
  ];
}
