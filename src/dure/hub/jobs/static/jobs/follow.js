// Follows a job until it is over. Without it the page says the same when it is opened again.
const EVERY_MS = 3000;

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
      location.reload(); // signed out: the page says so
      return;
    }
    const text = await answer.text();
    if (text.trim() !== place.innerHTML.trim()) {
      const before = place.querySelector(".log");
      const atEnd = !before || before.scrollTop + before.clientHeight >= before.scrollHeight - 4;
      const at = before ? before.scrollTop : 0;
      place.innerHTML = text;
      const log = place.querySelector(".log");
      if (log) log.scrollTop = atEnd ? log.scrollHeight : at;
    }
    if (place.querySelector("[data-over]").dataset.over === "yes") location.reload();
    else setTimeout(look, EVERY_MS);
  };
  const log = place.querySelector(".log");
  if (log) log.scrollTop = log.scrollHeight;
  setTimeout(look, EVERY_MS);
}
