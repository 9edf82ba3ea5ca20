// Everything works without this file; it makes the platform installable and guards against a second press.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && event.target.method === "post") setTimeout(() => { button.disabled = true; });
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});
