import { Answer } from "./answer.js";
import { ModelPicker } from "./model-picker.js";
import { Setup } from "./setup.js";
import { ThemeButton } from "./theme-button.js";
import { Wrong } from "./wrong.js";

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
