// What opens over the page: the model card, the keys, the question for a token; and the choice of colours.

import { elementsOf } from "./markdown.js";
import { at } from "./page.js";

/** Name the model in the page's head and foot, and let its card be read. */
export function showModel({ name, engine, card }) {
  at("model-name").textContent = name;
  at("model-engine").textContent = engine;
  at("foot-model").textContent = `${name} · ${engine}`;
  at("open-card").hidden = false;
  at("open-card").disabled = !card;
  at("open-card").setAttribute("aria-label", card ? `Model card: ${name}, ${engine}` : `${name}, ${engine}`);
  at("open-card-below").hidden = !card;
  at("card-text").replaceChildren(...elementsOf(card ?? ""));
}

/** Ask for a token; resolves with it, or with null where none is given. */
export function askToken(wasWrong) {
  const dialog = at("ask");
  at("ask-title").textContent = wasWrong ? "That token was not accepted" : "This server asks for a token";
  at("token").value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = () => resolve(dialog.returnValue === "use" && at("token").value.trim() ? at("token").value.trim() : null);
    dialog.addEventListener("close", answer, { once: true });
  });
}

export function startDialogs() {
  for (const [button, dialog] of [["open-card", "card"], ["open-card-below", "card"], ["open-keys", "keys"]]) {
    at(button).addEventListener("click", () => at(dialog).showModal());
  }
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("cancel")); // beside it
  }
  startTheme();
}

function startTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => at("theme").setAttribute("aria-pressed", String(isDark()));
  at("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Where storage is forbidden the choice holds until the page is left.
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}
