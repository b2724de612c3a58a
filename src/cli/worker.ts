/** A worker thread of `plimsoll serve`: answers questions, one at a time. */
import { createRunner, type Job, type Outcome } from "../server/job.js";
import { catalogueFiles } from "./catalogue-files.js";

const run = createRunner(catalogueFiles());

export const answer = (job: Job): Promise<Outcome> => run(job);
