// The colours that were chosen here before, set before anything is drawn. Only this choice is kept in the browser.
(() => {
  let kept = null;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    // Storage can be forbidden; then the system's colours hold.
  }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
