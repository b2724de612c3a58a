#!/usr/bin/env bash
# Slurm PrologSlurmctld: a job that says what it trains is not started when that does not fit its GPU.
#
#   sbatch --comment 'plimsoll: torchvision/resnet50 --batch 256 --gpu a100' train.sh
#
# Exit codes of `plimsoll estimate`: 0 it fits, 1 it does not, 2 the question is wrong.
set -u
comment=$(scontrol show job "${SLURM_JOB_ID:?}" | sed -n 's/^ *Comment=//p')
[[ $comment == plimsoll:* ]] || exit 0

# words of the comment are arguments: no shell sees them
read -r -a question <<<"${comment#plimsoll:}"
plimsoll estimate "${question[@]}" --quiet
status=$?
if [ "$status" -eq 1 ]; then
  scontrol update JobId="$SLURM_JOB_ID" Comment="does not fit: plimsoll advise ${question[*]}"
  exit 1
fi
exit 0
