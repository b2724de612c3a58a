/** A model of the catalogue, a file, or a spec that is edited here. */
import { signal } from "@preact/signals";
import type { ListedModel } from "plimsoll";
import { choose, question } from "../store.js";
import { SpecEditor } from "./spec-editor.js";

const listed = signal<readonly ListedModel[]>([]);
const wanted = signal("");
const isOpen = signal(false);
const active = signal(0);
const MOST_SHOWN = 60;
/** Texts up to this size are kept in the page and in its address; larger files are read where they lie. */
const MOST_TEXT = 100_000;

async function loadList(): Promise<void> {
  if (listed.value.length > 0) return;
  const { listModels } = await import("plimsoll");
  listed.value = await listModels({
    read: async (path) => new Uint8Array(await (await fetch(`./catalogue/${path}`)).arrayBuffer()),
  });
}

function matching(): readonly ListedModel[] {
  const words = wanted.value.toLowerCase().split(/\s+/);
  const found = listed.value.filter(({ name, description }) => {
    const text = `${name} ${description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return found.slice(0, MOST_SHOWN);
}

export async function takeFile(file: File): Promise<void> {
  const isText = /\.(ya?ml|json|txt)$/i.test(file.name) && file.size <= MOST_TEXT;
  if (isText) choose({ kind: "text", name: file.name, text: await file.text() });
  else choose({ kind: "file", name: file.name, file });
}

function pick(name: string): void {
  choose({ kind: "name", name });
  wanted.value = "";
  isOpen.value = false;
}

function onKey(event: KeyboardEvent): void {
  const found = matching();
  const moves: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
  const move = moves[event.key];
  if (move !== undefined) {
    event.preventDefault();
    isOpen.value = true;
    active.value = (active.value + move + found.length) % Math.max(1, found.length);
  } else if (event.key === "Enter") {
    const model = found[active.value];
    if (isOpen.value && model) pick(model.name);
  } else if (event.key === "Escape") isOpen.value = false;
}

function Names() {
  const found = matching();
  return (
    <div id="names" role="listbox" aria-label="Known models" tabIndex={-1} class="names">
      {found.map(({ name, parameterCount }, i) => (
        <div
          key={name}
          id={`name-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={i === active.value}
          onMouseDown={(event) => {
            event.preventDefault();
            pick(name);
          }}
        >
          <span>{name}</span> <small>{(parameterCount / 1e6).toFixed(1)} M</small>
        </div>
      ))}
      {found.length === 0 && <p class="none">no model of that name</p>}
    </div>
  );
}

export function ModelPicker() {
  const { model } = question.value;
  return (
    <fieldset
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        const [file] = event.dataTransfer?.files ?? [];
        if (file) void takeFile(file);
      }}
    >
      <legend>Model</legend>
      <p class="chosen">
        <strong>{model.name}</strong>{" "}
        {model.kind === "file" && <small>a file of this machine: it is not part of the address</small>}
      </p>
      <label for="search">Find one by name</label>
      <input
        id="search"
        type="search"
        // biome-ignore lint/a11y/noRedundantRoles: a search field is a searchbox; with its list it is a combobox
        role="combobox"
        list={undefined}
        autocomplete="off"
        placeholder="resnet, vit_base, Llama-3.1-8B …"
        aria-expanded={isOpen.value}
        aria-controls="names"
        aria-activedescendant={isOpen.value ? `name-${active.value}` : undefined}
        value={wanted.value}
        onFocus={() => void loadList()}
        onInput={(event) => {
          wanted.value = event.currentTarget.value;
          isOpen.value = true;
          active.value = 0;
          void loadList();
        }}
        onKeyDown={onKey}
        onBlur={() => {
          isOpen.value = false;
        }}
      />
      {isOpen.value && <Names />}
      <label class="file">
        or drop a file: .pt2, .onnx, .keras, .safetensors, config.json, a layer spec, or what was measured
        <input
          type="file"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            if (file) void takeFile(file);
          }}
        />
      </label>
      <SpecEditor />
    </fieldset>
  );
}
