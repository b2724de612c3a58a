/** Every export of the package: a change here is a change that users see. */
import { expect, test } from "vitest";
import * as library from "../src/index.js";
import * as present from "../src/present/index.js";

test("the library exports", () => {
  expect(Object.keys(library).sort()).toEqual([
    "InputError",
    "advise",
    "aliveAt",
    "byHand",
    "byHandOf",
    "checkFlags",
    "columnsBetween",
    "compare",
    "estimate",
    "explain",
    "fit",
    "highestMoment",
    "largestBatch",
    "layerWords",
    "listFormats",
    "listGpus",
    "listModels",
    "listOptimizers",
    "listSettings",
    "phaseAt",
    "plan",
    "plot",
    "plotOf",
    "printComplaint",
    "readModel",
    "readRecording",
  ]);
});

test("plimsoll/present exports", () => {
  expect(Object.keys(present).sort()).toMatchInlineSnapshot(`
    [
      "PARTS",
      "adviceList",
      "calibrationWords",
      "compareLines",
      "compareList",
      "differenceWords",
      "fitList",
      "fold",
      "formatBytes",
      "formatCount",
      "planList",
      "renderAdvice",
      "renderAdviceMarkdown",
      "renderByHand",
      "renderCompare",
      "renderCompareMarkdown",
      "renderDerivation",
      "renderDerivationLatex",
      "renderDerivationMarkdown",
      "renderEstimateCsv",
      "renderEstimateMarkdown",
      "renderExplanation",
      "renderExplanationMarkdown",
      "renderFit",
      "renderFitMarkdown",
      "renderJson",
      "renderLayersCsv",
      "renderList",
      "renderListCsv",
      "renderPlan",
      "renderPlanFile",
      "renderPlanMarkdown",
      "renderPlot",
      "renderText",
      "renderTimeline",
      "renderVersus",
      "renderVersusMarkdown",
      "timelineFrame",
      "versusList",
    ]
  `);
});
