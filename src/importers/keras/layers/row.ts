/** One Keras layer: the TensorFlow operations that its call runs. */
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";

export type LayerRow = (call: LayerCall) => ValueId | readonly ValueId[];
