/** Every setting that the engine takes: the usual ones first, all others below, from the same table as the command's flags. */
import { listGpus, listOptimizers, listSettings, type SettingRow } from "plimsoll";
import { batchAt, MOST_STOP, stopOf } from "../batch-stops.js";
import { change, changeAll, question, setting } from "../store.js";

const ROWS = listSettings();
/** Settings with a field of their own above. */
const USUAL = ["batch", "gpu", "precision", "optimizer", "checkpointing", "sequence"];
const REST = ROWS.filter(({ name, isComputed }) => isComputed && !USUAL.includes(name));
const row = (name: string): SettingRow => ROWS.find((one) => one.name === name) as SettingRow; // names of the table

function Select(props: {
  readonly name: string;
  readonly label: string;
  readonly values: readonly string[];
  readonly none: string;
}) {
  const { name, label, values, none } = props;
  const now = setting(name);
  return (
    <label>
      {label}
      <select value={now} onChange={(event) => change(name, event.currentTarget.value)}>
        <option value="">{none}</option>
        {now !== "" && !values.includes(now) && <option value={now}>{now}</option>}
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Powers of two and what is between them under the slider, any number beside it. */
function Batch() {
  const now = Number(setting("batch") || 1);
  return (
    <div class="slider">
      <label for="batch-slider">Batch</label>
      <input
        id="batch-slider"
        type="range"
        min={0}
        max={MOST_STOP}
        step={1}
        value={stopOf(now)}
        aria-valuetext={`batch ${now}`}
        onInput={(event) => change("batch", String(batchAt(Number(event.currentTarget.value))))}
      />
      <input
        type="number"
        min={1}
        aria-label="Batch, as a number"
        value={setting("batch")}
        onInput={(event) => change("batch", event.currentTarget.value)}
      />
    </div>
  );
}

function Field({ row: { name, kind, values, help, placeholder } }: { readonly row: SettingRow }) {
  const id = `setting-${name}`;
  const now = setting(name);
  const field =
    kind === "switch" ? (
      <input
        id={id}
        type="checkbox"
        checked={now === "true"}
        onChange={(event) => change(name, event.currentTarget.checked ? "true" : "")}
      />
    ) : kind === "choice" ? (
      <select id={id} value={now} onChange={(event) => change(name, event.currentTarget.value)}>
        <option value="">default</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    ) : (
      <input
        id={id}
        type={kind === "count" ? "number" : "text"}
        list={undefined}
        min={kind === "count" ? 0 : undefined}
        value={now}
        placeholder={placeholder}
        onInput={(event) => change(name, event.currentTarget.value)}
      />
    );
  return (
    <div class={`field ${kind}`}>
      <label for={id}>{name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}</label>
      {field}
      <small>{help}</small>
    </div>
  );
}

export function Setup() {
  const gpus = listGpus().map(({ id }) => id);
  const changed = REST.filter(({ name }) => setting(name) !== "").length;
  return (
    <fieldset>
      <legend>Training</legend>
      <Batch />
      <Select name="gpu" label="GPU" values={gpus} none="any size" />
      <Select name="precision" label="Precision" values={row("precision").values} none="fp32" />
      <Select
        name="optimizer"
        label="Optimizer"
        values={[...listOptimizers().map(({ name }) => name), "sgd:momentum=0.9", "none"]}
        none="adamw"
      />
      <Select
        name="checkpointing"
        label="Checkpointing"
        values={["full", "selective", "every=2"]}
        none="none"
      />
      <label>
        Sequence length
        <input
          type="number"
          min={1}
          placeholder="for language models"
          value={setting("sequence")}
          onInput={(event) => change("sequence", event.currentTarget.value)}
        />
      </label>
      <details class="more">
        <summary>All settings{changed > 0 && ` (${changed} changed)`}</summary>
        {REST.map((one) => (
          <Field key={one.name} row={one} />
        ))}
      </details>
      {Object.keys(question.value.settings).length > 0 && (
        <button
          type="button"
          class="quiet"
          onClick={() =>
            changeAll(Object.fromEntries(Object.keys(question.value.settings).map((name) => [name, ""])))
          }
        >
          Back to defaults
        </button>
      )}
    </fieldset>
  );
}
