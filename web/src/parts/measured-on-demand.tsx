/** The comparison's code comes when somebody has something to compare. */
import { onDemand } from "./on-demand.js";

export const Measured = onDemand<Record<never, never>>(async () => (await import("./measured.js")).Measured);
