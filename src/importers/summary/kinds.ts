/**
 * Layers whose results bound what they keep: nothing inside them is larger than what they are given or return, and there is at
 * most a handful of it. Attention (scores of all pairs), recurrent layers (every step's gates) and blocks of other layers are not.
 */
const BOUNDED: readonly RegExp[] = [
  /^(Lazy)?Conv(Transpose)?\d[dD](Transpose)?$/,
  /^(Depthwise|Separable)Conv\d[dD]$/,
  /^(Lazy)?(Linear|Bilinear|Dense|EinsumDense|Identity|NonDynamicallyQuantizableLinear)$/,
  /^(Lazy|Sync)?(Batch|Group|Layer|Instance|RMS|Unit)_?Norm(alization)?(\d[dD])?$/,
  /^(Frozen)?BatchNorm(\d?[dD]|Act2d)?$|^(LocalResponse|Spectral)Norm(alization)?$|^Normalization$/,
  /^(ReLU|ReLU6|LeakyReLU|PReLU|RReLU|ELU|CELU|SELU|GELU|SiLU|Mish|Sigmoid|Tanh|Softmax|LogSoftmax|Softplus|Softsign|Hardswish|Hardsigmoid|Hardtanh|Threshold|Activation|GLU)$/,
  /^(Global)?(Max|Avg|Average|Adaptive|LP|FractionalMax)\w*Pool(ing)?\d[dD]$/,
  /^(Alpha|Feature|Spatial|Gaussian)?Drop(out|Path)(\d[dD])?$|^(GaussianNoise|StochasticDepth)$/,
  /^(Flatten|Unflatten|Reshape|Permute|RepeatVector|Masking|Rescaling|LayerScale|Embedding|EmbeddingBag|TFOpLambda|Lambda)$/,
  /^(Zero|Reflection|Replication|Constant|Circular)Pad(ding)?\d?[dD]$|^Cropping\d[dD]$/,
  /^(Up[sS]ampl(e|ing)(\d[dD])?|PixelShuffle|PixelUnshuffle|ChannelShuffle|Resizing|UpsamplingBilinear2d|UpsamplingNearest2d)$/,
  /^(Add|Multiply|Subtract|Average|Maximum|Minimum|Concatenate|Dot|ActivityRegularization|InputLayer)$/,
];

export function keepsNoMore(kind: string): boolean {
  return BOUNDED.some((pattern) => pattern.test(kind));
}
