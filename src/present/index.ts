/** Reports as text: terminal, JSON, CSV, Markdown. */
export { PARTS, type Part } from "./style.js";
export { adviceList, renderAdvice, renderAdviceMarkdown, type AdviceTextOptions } from "./advice-text.js";
export { type ByHandOptions, renderByHand } from "./by-hand-text.js";
export { renderEstimateCsv, renderLayersCsv, renderListCsv } from "./csv.js";
export {
  renderDerivation,
  renderDerivationLatex,
  renderDerivationMarkdown,
  type DerivationTextOptions,
} from "./derivation.js";
export { renderExplanation, type ExplainTextOptions } from "./explain-text.js";
export {
  calibrationWords,
  type CompareLine,
  compareLines,
  compareList,
  differenceWords,
  renderCompare,
  renderCompareMarkdown,
  type CompareTextOptions,
} from "./compare-text.js";
export { renderJson } from "./json.js";
export { fold } from "./layout.js";
export { fitList, renderFit, renderFitMarkdown, type FitTextOptions } from "./fit-text.js";
export { renderList, type ListOptions, type List } from "./list.js";
export { renderEstimateMarkdown, renderExplanationMarkdown } from "./markdown.js";
export { renderPlanFile } from "./plan-files/file.js";
export { planList, renderPlan, renderPlanMarkdown, type PlanTextOptions } from "./plan-text.js";
export { renderPlot, renderTimeline, timelineFrame } from "./svg/plot.js";
export { renderText, type TextOptions } from "./text.js";
export { renderVersus, renderVersusMarkdown, versusList, type VersusTextOptions } from "./versus-text.js";
export { formatBytes, formatCount } from "./units.js";
