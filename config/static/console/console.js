// Keeps what moves up to date: elements with `data-live="seconds"` are fetched again from the page they are on, while
// somebody looks at it, until none of them moves any more. A page that cannot be reached is left as it is.
(() => {
  "use strict";

  const moving = () => [...document.querySelectorAll("[data-live][id]")];

  // The bar of a batch glides from where it was; an element made anew would jump.
  const widths = (element) => [...element.querySelectorAll(".c-progress i")].map((bar) => bar.style.width);
  const glide = (element, before) => {
    const bars = [...element.querySelectorAll(".c-progress i")];
    if (bars.length !== before.length) return;
    const after = bars.map((bar) => bar.style.width);
    bars.forEach((bar, index) => (bar.style.width = before[index]));
    element.getBoundingClientRect();
    bars.forEach((bar, index) => (bar.style.width = after[index]));
  };

  // Nothing is pulled from under somebody's pointer, caret or selection.
  const inUse = (element) =>
    element.contains(document.activeElement) ||
    element.querySelector(":is(a, button):hover") !== null ||
    (!getSelection().isCollapsed && getSelection().containsNode(element, true));

  const renew = (old, page) => {
    const fresh = page.getElementById(old.id);
    // It has left the page, for another page of the list, say: there is nothing to wait for.
    if (!fresh) return old.removeAttribute("data-live");
    if (inUse(old)) return;
    const before = widths(old);
    old.replaceWith(fresh);
    glide(fresh, before);
  };

  const refresh = async () => {
    if (document.hidden) return;
    const response = await fetch(location.href, { credentials: "same-origin", headers: { "X-Live": "1" } });
    // A session that has ended answers with the log-in page: nothing there bears our ids.
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    moving().forEach((old) => renew(old, page));
  };

  const schedule = () => {
    const waits = moving().map((element) => Number(element.dataset.live));
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
