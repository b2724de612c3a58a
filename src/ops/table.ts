import { attentions } from "./attention.js";
import { collectives } from "./collectives.js";
import { convolutions } from "./convolution.js";
import { copies } from "./copies.js";
import { distances } from "./distances.js";
import { activations, binaries, ternaries, unaries } from "./elementwise.js";
import { fouriers } from "./fourier.js";
import { indexings } from "./indexing.js";
import { products } from "./linear.js";
import { losses } from "./loss.js";
import { normalizations } from "./normalization.js";
import { poolings } from "./pooling.js";
import { quantized } from "./quantized.js";
import { randoms } from "./random.js";
import { recurrences } from "./recurrent.js";
import { reductions } from "./reduction.js";
import type { OpTable } from "./rule.js";
import { unseen } from "./unseen.js";
import { views } from "./views.js";

/** Every operator Plimsoll knows, by name. */
export const OPS = {
  ...activations,
  ...unaries,
  ...binaries,
  ...ternaries,
  ...products,
  ...convolutions,
  ...normalizations,
  ...attentions,
  ...poolings,
  ...reductions,
  ...views,
  ...copies,
  ...indexings,
  ...losses,
  ...fouriers,
  ...distances,
  ...collectives,
  ...randoms,
  ...quantized,
  ...recurrences,
  ...unseen,
} as const satisfies OpTable;
