import { signal } from "@preact/signals";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const kept = localStorage.getItem("theme");
const theme = signal<Theme>(THEMES.find((one) => one === kept) ?? "auto");
document.documentElement.dataset["theme"] = theme.value;

export function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme;
  const turn = () => {
    theme.value = next;
    document.documentElement.dataset["theme"] = next;
    localStorage.setItem("theme", next);
  };
  return (
    <button type="button" class="quiet" onClick={turn}>
      Colours: {theme}
    </button>
  );
}
