// Follows a study while it is played. Without it the page says the same when it is opened again.
const EVERY_MS = 2000;
const OVER = ["done", "failed", "cancelled"];

for (const place of document.querySelectorAll("[data-follow]")) {
  const look = async () => {
    let answer;
    try {
      answer = await fetch(place.dataset.follow, { headers: { Accept: "text/html" } });
    } catch {
      setTimeout(look, EVERY_MS); // the hub is away for a moment
      return;
    }
    if (!answer.ok || answer.redirected) {
      location.reload(); // signed out, or the study was removed: the page says which
      return;
    }
    const before = place.querySelector("[data-state]").dataset.state;
    const text = await answer.text();
    if (text.trim() !== place.innerHTML.trim()) place.innerHTML = text;
    const now = place.querySelector("[data-state]").dataset.state;
    if (OVER.includes(now) || now !== before) location.reload();
    else setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
}
