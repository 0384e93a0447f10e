// Everything works without this file; with it pages change without being loaded anew.
"use strict";

const theme = document.querySelector("button.theme");
const THEMES = ["", "light", "dark"];
const showTheme = () => {
  const now = document.documentElement.dataset.theme || "";
  theme.textContent = { "": "◐", light: "☀", dark: "☾" }[now];
  theme.setAttribute("aria-label", "Colours: " + (now || "as the system"));
};
if (theme) {
  theme.hidden = false;
  showTheme();
  theme.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || "";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    try { localStorage.setItem("theme", next); } catch { /* not kept */ }
    showTheme();
  });
}

// The gallery: filters apply at once.
const narrow = matchMedia("(max-width: 56rem)");
let waiting = null;
let folded = narrow.matches;

/** The address of the form as it is now, without what is empty. */
function address(form) {
  const values = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value !== "" && !(name === "sort" && value === "id")) values.append(name, value);
  }
  const query = values.toString();
  return form.getAttribute("action") + (query ? "?" + query : "");
}

/** Shows an address in place of what is there; `keep` is the id of the element that had the focus. */
async function show(url, push) {
  waiting?.abort();
  const own = waiting = new AbortController();
  const browse = document.getElementById("browse");
  browse.setAttribute("aria-busy", "true");
  const focus = document.activeElement;
  const focused = focus?.name ? [focus.name, focus.value, focus.selectionStart] : null;
  const open = new Map([...browse.querySelectorAll("details.facet")].map((d) => [d.dataset.facet, d.open]));
  const scroll = browse.querySelector(".side")?.scrollTop || 0;
  folded = !browse.querySelector(".filters").open;
  try {
    const answer = await fetch(url, { signal: own.signal, headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("browse");
    if (!next) { location.assign(url); return; }
    for (const details of next.querySelectorAll("details.facet")) {
      if (open.has(details.dataset.facet)) details.open = open.get(details.dataset.facet);
    }
    if (folded) next.querySelector(".filters").open = false;
    browse.replaceWith(next);
    document.title = page.title;
    if (push) history.pushState({}, "", url);
    prepare();
    const side = next.querySelector(".side");
    if (side) side.scrollTop = scroll;
    if (focused) {
      const same = [...next.querySelectorAll("input, select")].find((e) =>
        e.name === focused[0] && (e.type !== "checkbox" || e.value === focused[1]));
      same?.focus({ preventScroll: true });
      if (same && focused[2] != null && ["search", "text"].includes(same.type)) {
        same.value = focused[1];
        same.setSelectionRange(focused[2], focused[2]);
      }
    }
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  } finally {
    if (waiting === own) document.getElementById("browse")?.removeAttribute("aria-busy");
  }
}

function prepare() {
  const search = document.getElementById("search");
  if (!search) return;
  let typing = 0;
  const apply = () => { clearTimeout(typing); show(address(search), true); };
  search.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  search.addEventListener("change", (event) => { if (event.target.type !== "search") apply(); });
  search.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(apply, 300);
  });
  for (const bar of search.querySelectorAll(".bars rect")) {
    bar.addEventListener("click", () => {
      const facet = bar.closest("fieldset");
      facet.querySelector("input[name$='.min']").value = bar.dataset.low;
      facet.querySelector("input[name$='.max']").value = bar.dataset.high;
      facet.querySelectorAll("input[type=hidden]").forEach((input) => input.remove());
      apply();
    });
  }
  const order = document.querySelector("form.order");
  order?.addEventListener("change", () => show(address(order), true));
  if (narrow.matches && folded) document.querySelector(".filters").open = false;
  prepareCompare();
}

// Samples that are compared are remembered over pages.
const MOST = 4;
const chosen = () => { try { return JSON.parse(sessionStorage.getItem("compare") || "[]"); } catch { return []; } };
const choose = (ids) => { try { sessionStorage.setItem("compare", JSON.stringify(ids)); } catch { /* this page only */ } };

function prepareCompare() {
  const form = document.getElementById("compare-form");
  if (!form) return;
  const boxes = [...document.querySelectorAll("input[form=compare-form]")];
  const button = form.querySelector("button");
  const extra = document.createElement("span");
  form.append(extra);
  const update = () => {
    const ids = chosen();
    for (const box of boxes) {
      box.checked = ids.includes(box.value);
      box.disabled = !box.checked && ids.length >= MOST;
    }
    const here = boxes.map((box) => box.value);
    extra.replaceChildren(...ids.filter((id) => !here.includes(id)).map((id) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "id", value: id });
      return input;
    }));
    button.textContent = ids.length ? `Compare ${ids.length} of up to ${MOST}: ${ids.map((id) => "#" + id).join(", ")}` : "Compare";
    form.classList.toggle("in-use", ids.length > 0);
  };
  for (const box of boxes) {
    box.addEventListener("change", () => {
      const ids = chosen().filter((id) => id !== box.value);
      choose(box.checked ? [...ids, box.value].slice(-MOST) : ids);
      update();
    });
  }
  form.addEventListener("submit", () => setTimeout(() => choose([]), 0));
  update();
}

addEventListener("popstate", () => { if (document.getElementById("browse")) show(location.href, false); });
prepare();

// The download page adds up what is ticked.
const download = document.getElementById("download");
if (download) {
  const size = (bytes) => {
    for (const [unit, name] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
      if (bytes >= unit) return (bytes / unit >= 100 ? (bytes / unit).toFixed(0) : (bytes / unit).toFixed(1)) + " " + name;
    }
    return bytes + " bytes";
  };
  const boxes = [...download.querySelectorAll("input[name=label]")];
  const update = () => {
    const used = boxes.some((box) => box.checked) ? boxes.filter((box) => box.checked) : boxes;
    document.getElementById("together").textContent = size(used.reduce((sum, box) => sum + Number(box.dataset.bytes), 0));
  };
  download.addEventListener("change", update);
  update();
}

// Commands can be copied.
for (const button of document.querySelectorAll(".copy-button")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
