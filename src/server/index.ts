/** The service as a function, for who has a server already: `createHandler({ run: createRunner(catalogue), catalogue, version })`. */
export { createHandler, type HandlerOptions } from "./handler.js";
export { createRunner, type Job, type Outcome, type RunJob } from "./job.js";
