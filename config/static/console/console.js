// Keeps what moves up to date: elements with `data-live="seconds"` are fetched again from the page they are on, while
// somebody looks at it. A page that cannot be reached is left as it is, and says when it was read.
(() => {
  "use strict";

  const refresh = async () => {
    const live = [...document.querySelectorAll("[data-live][id]")];
    if (!live.length || document.hidden) return;
    const response = await fetch(location.href, { credentials: "same-origin", headers: { "X-Live": "1" } });
    // A session that has ended answers with the log-in page: nothing there bears our ids.
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const old of live) {
      const fresh = page.getElementById(old.id);
      if (fresh && !old.contains(document.activeElement) && !old.matches(":hover")) old.replaceWith(fresh);
    }
  };

  const schedule = () => {
    const waits = [...document.querySelectorAll("[data-live][id]")].map((element) => Number(element.dataset.live));
    if (!waits.length) return;
    setTimeout(() => refresh().catch(() => undefined).finally(schedule), Math.min(...waits) * 1000);
  };

  document.addEventListener("DOMContentLoaded", schedule);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.querySelector("[data-copied]").textContent = "Copied";
  });
})();
