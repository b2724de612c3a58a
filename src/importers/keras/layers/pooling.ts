/** Pooling over channels-last data. keras/src/layers/pooling/, Keras 3.15 */
import { channelsLast, windowed } from "./convolutions.js";
import type { LayerRow } from "./row.js";

const KERNELS = {
  max: ["", "MaxPool", "MaxPool", "MaxPool3D"],
  average: ["", "AvgPool", "AvgPool", "AvgPool3D"],
};

const pool =
  (kind: "max" | "average", rank: number): LayerRow =>
  (call) => {
    const shape = channelsLast(call, rank);
    const { settings } = call;
    const size = settings.dims("pool_size", rank, 2);
    const strides = settings.values.strides == null ? size : settings.dims("strides", rank);
    const same = settings.text("padding", ["valid", "same"], "valid") === "same";
    const sizes = size.map((window, i) =>
      windowed(shape[i + 1] as number, window, strides[i] as number, same),
    );
    const op = KERNELS[kind][rank] as string;
    const [batch, channels] = [shape[0] as number, shape.at(-1) as number];
    if (rank > 1) return call.op(op, [call.input], { shape: [batch, ...sizes, channels] });
    const tall = call.op("ExpandDims", [call.input], { axis: 1 });
    return call.op("Squeeze", [call.op(op, [tall], { shape: [batch, 1, ...sizes, channels] })], {
      axes: [1],
    });
  };

const global =
  (op: "Mean" | "Max", rank: number): LayerRow =>
  (call) => {
    channelsLast(call, rank);
    const axes = Array.from({ length: rank }, (_, i) => i + 1);
    const keep = call.settings.flag("keepdims", false);
    if (op === "Max") return call.op(op, [call.input], { axes, keep });
    // 16 bits are averaged in 32. numpy.py mean
    const mean = call.op(op, [call.cast(call.input, "float32")], { axes, keep });
    return call.cast(mean, call.spec(call.input).dtype);
  };

export const poolingLayers: Readonly<Record<string, LayerRow>> = {
  MaxPooling1D: pool("max", 1),
  MaxPooling2D: pool("max", 2),
  MaxPooling3D: pool("max", 3),
  AveragePooling1D: pool("average", 1),
  AveragePooling2D: pool("average", 2),
  AveragePooling3D: pool("average", 3),
  GlobalAveragePooling1D: global("Mean", 1),
  GlobalAveragePooling2D: global("Mean", 2),
  GlobalAveragePooling3D: global("Mean", 3),
  GlobalMaxPooling1D: global("Max", 1),
  GlobalMaxPooling2D: global("Max", 2),
  GlobalMaxPooling3D: global("Max", 3),
};
