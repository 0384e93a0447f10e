// Before anything is drawn: the colours that the reader chose last time.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* Storage may be forbidden; the system's colours are fine. */ }
  document.documentElement.classList.add("js");
})();
