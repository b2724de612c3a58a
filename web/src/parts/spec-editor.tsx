/** A layer spec, edited while its answer is shown; a mistake is marked at its line. */
import { signal } from "@preact/signals";
import { choose, complaint, question } from "../store.js";

const EXAMPLE = `schema: plimsoll/spec@1
name: my-network
input: { image: [1, 50, 180] }
layers:
  - conv: { filters: 32, kernel: 3, padding: same }
  - relu
  - maxpool: 2
  - repeat: { times: 2, layers: [ { conv: { filters: 64, kernel: 3, padding: same } }, batchnorm, relu ] }
  - flatten
  - dense: 512
  - dropout: 0.5
  - dense: 10
loss: cross-entropy
`;

/** Words of layers and their options, from the schema that editors get; loaded when the editor is first used. */
const words = signal<readonly string[]>([]);
const offered = signal<readonly string[]>([]);

async function loadWords(): Promise<void> {
  if (words.value.length > 0) return;
  const { layerWords } = await import("plimsoll");
  words.value = await layerWords();
}

/** The word before the cursor. */
function wordAt(area: HTMLTextAreaElement): string {
  return /[a-z][\w-]*$/i.exec(area.value.slice(0, area.selectionStart))?.[0] ?? "";
}

function complete(area: HTMLTextAreaElement, word: string): void {
  const typed = wordAt(area);
  area.setRangeText(word, area.selectionStart - typed.length, area.selectionStart, "end");
  offered.value = [];
  area.focus();
  edit(area.value);
}

function edit(text: string): void {
  const { model } = question.value;
  choose({ kind: "text", name: model.kind === "text" ? model.name : "my-network.yaml", text });
}

/** `spec.yaml:3:11 …` → 3 */
function wrongLine(): number | null {
  const found = /:(\d+)(:\d+)?\b/.exec(complaint.value?.where ?? "");
  return found ? Number(found[1]) : null;
}

export function SpecEditor() {
  const { model } = question.value;
  if (model.kind !== "text")
    return (
      <button type="button" onClick={() => edit(EXAMPLE)}>
        Write a network
      </button>
    );
  const line = wrongLine();
  const lines = model.text.split("\n").length;
  return (
    <div class="editor">
      <label for="spec">{model.name}</label>
      <div class="lines">
        <ol aria-hidden="true">
          {Array.from({ length: lines }, (_, i) => (
            <li key={i} class={line === i + 1 ? "bad" : ""} />
          ))}
        </ol>
        <textarea
          id="spec"
          spellcheck={false}
          rows={Math.min(24, lines + 1)}
          value={model.text}
          aria-invalid={line !== null}
          aria-describedby="spec-problem"
          onFocus={() => void loadWords()}
          onInput={(event) => {
            const area = event.currentTarget;
            const typed = wordAt(area);
            offered.value =
              typed.length < 2
                ? []
                : words.value.filter((word) => word.startsWith(typed) && word !== typed).slice(0, 6);
            edit(area.value);
          }}
        />
      </div>
      <p id="spec-problem" class="problem" aria-live="polite">
        {complaint.value &&
          `${line === null ? "" : `line ${line}: `}${complaint.value.rule}; ${complaint.value.hint}`}
      </p>
      {offered.value.length > 0 && (
        <fieldset class="offered" aria-label="Completions">
          {offered.value.map((word) => (
            <button
              key={word}
              type="button"
              onClick={() => complete(document.getElementById("spec") as HTMLTextAreaElement, word)}
            >
              {word}
            </button>
          ))}
        </fieldset>
      )}
    </div>
  );
}
