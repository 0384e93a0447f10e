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
let typing = 0;
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

/** What somebody is at when a page changes under their hands: a field, what is in it, and where. */
function focusNow() {
  const field = document.activeElement;
  return field?.name && document.getElementById("browse").contains(field)
    ? { name: field.name, type: field.type, value: field.value, start: field.selectionStart, end: field.selectionEnd } : null;
}

/** Leads them to the same field of the new page; with `keep` what they have written stays. */
function focusAgain(page, before, keep) {
  const same = [...page.querySelectorAll("input, select")].find((e) =>
    e.name === before.name && e.type === before.type && (e.type !== "checkbox" || e.value === before.value));
  if (!same) return;
  if (keep && ["search", "number"].includes(same.type) && same.value !== before.value) {
    same.value = before.value;
    // Text is searched when it is complete; browsers don't notice that a number was written before.
    if (same.type === "number") same.addEventListener("blur", apply, { once: true });
  }
  same.focus({ preventScroll: true });
  if (before.start != null) same.setSelectionRange(before.start, before.end);
}

/** Shows an address in place of what is there. */
async function show(url, push) {
  waiting?.abort();
  const own = waiting = new AbortController();
  const browse = document.getElementById("browse");
  const asked = new FormData(document.getElementById("search"));
  browse.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: own.signal, headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("browse");
    if (!next) { location.assign(url); return; }
    const focused = focusNow();
    // A number that was searched for is now as the server writes it, one that was written since then is not part of the
    // page. Of text only spaces at its ends may be missing there, and whoever writes on needs them.
    const isOwn = focused?.type === "search" || asked.get(focused?.name) !== focused?.value;
    const open = new Map([...browse.querySelectorAll("details.facet")].map((d) => [d.dataset.facet, d.open]));
    const scroll = browse.querySelector(".side")?.scrollTop || 0;
    folded = !browse.querySelector(".filters").open;
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
    if (focused) focusAgain(next, focused, push && isOwn);
    document.getElementById("status").textContent = next.querySelector("#results-title").textContent;
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  } finally {
    if (waiting === own) document.getElementById("browse")?.removeAttribute("aria-busy");
  }
}

/** Searches for what the filters are now. */
function apply() {
  clearTimeout(typing);
  show(address(document.getElementById("search")), true);
}

function prepare() {
  const search = document.getElementById("search");
  if (!search) return;
  search.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  search.addEventListener("change", (event) => { if (event.target.type !== "search") apply(); });
  search.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(apply, 300);
  });
  for (const bar of search.querySelectorAll(".bars rect")) {
    bar.addEventListener("click", () => {
      const facet = bar.closest("fieldset"), field = (name) => facet.querySelector(`input[name$='.${name}']`);
      for (const extra of facet.querySelectorAll("input[type=hidden]")) if (extra !== field("below")) extra.remove();
      field("min").value = bar.dataset.low;
      // A sample at a bin's upper end is the next one's.
      field("max").value = field("below").value = bar.dataset.high;
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
