// Everything works without this file; it makes the platform installable and guards against a second press.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return; // htmx sends it, and guards itself
  const button = event.submitter;
  if (button && event.target.method === "post") setTimeout(() => { button.disabled = true; });
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

// A menu closes by itself when one goes on elsewhere, or presses Escape.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("focusin", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Where htmx changes a page in place: failures are said, an ended session leads to the log-in, the focus is not lost.
function say(text) {
  const note = document.getElementById("trouble");
  note.textContent = text;
  note.hidden = false;
  note.scrollIntoView({ block: "nearest" });
}
document.addEventListener("htmx:beforeRequest", () => { document.getElementById("trouble").hidden = true; });
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL).pathname !== "/login") return;
  event.detail.shouldSwap = false;
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
});
document.addEventListener("htmx:responseError", (event) => {
  const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const alert = page.querySelector("[role=alert]:not([hidden])");
  say(alert ? alert.textContent : "That did not work. Load the page again and look before you repeat it.");
});
document.addEventListener("htmx:sendError", () => {
  say("There is no connection right now. Load the page again and look before you repeat it.");
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (document.activeElement !== document.body) return;
  const place = event.detail.elt.id === "content" ? event.detail.elt.querySelector("[role=status]") : null;
  const next = place ?? document.querySelector("#content h1");
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
});

// A step that only waits to be pressed.
for (const button of document.querySelectorAll("[data-press]")) button.click();
