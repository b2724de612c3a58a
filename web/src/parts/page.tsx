/** All of it. */
import { formatBytes } from "plimsoll/present";
import { report } from "../store.js";
import { Answer, verdictOf } from "./answer.js";
import { ModelPicker } from "./model-picker.js";
import { Setup } from "./setup.js";
import { ThemeButton } from "./theme-button.js";
import { Wrong } from "./wrong.js";

/** On a narrow screen the answer is below what is asked: its verdict stays in sight. */
function Bar() {
  const now = report.value;
  if (!now) return null;
  return (
    <a class={`bar ${now.machine?.verdict ?? ""}`} href="#answer">
      {formatBytes(now.peak.deviceTotalBytes)}
      {now.machine && ` of ${formatBytes(now.machine.capacityBytes)}`} · {verdictOf(now)}
    </a>
  );
}

export function Page() {
  return (
    <>
      <a class="skip" href="#answer">
        Skip to the answer
      </a>
      <header class="top">
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> Plimsoll
        </h1>
        <p>
          How much GPU memory a training run takes, before anything runs. Computed here; nothing is sent
          anywhere.
        </p>
        <ThemeButton />
      </header>
      <Bar />
      <div class="columns">
        <section class="asked" aria-label="What is trained, and how">
          <ModelPicker />
          <Setup />
        </section>
        <main id="answer" tabIndex={-1}>
          <Wrong />
          <Answer />
        </main>
      </div>
    </>
  );
}
