// Follows what goes on by itself until it is over. Without it the page says the same when it is
// opened again. Where data-stage changes, the rest of the page has changed too: it is opened anew.
const stage = (place) => place.querySelector("[data-stage]").dataset.stage;

for (const place of document.querySelectorAll("[data-follow]")) {
  const again = () => setTimeout(look, Number(place.dataset.everyMs));
  const look = async () => {
    let answer;
    try {
      answer = await fetch(place.dataset.follow, { headers: { Accept: "text/html" } });
    } catch {
      again(); // the hub is away for a moment
      return;
    }
    if (!answer.ok || answer.redirected) {
      location.reload(); // signed out, or it was removed: the page says which
      return;
    }
    const text = await answer.text();
    const before = stage(place);
    if (text.trim() !== place.innerHTML.trim()) {
      const old = place.querySelector(".log");
      const atEnd = !old || old.scrollTop + old.clientHeight >= old.scrollHeight - 4;
      const at = old ? old.scrollTop : 0;
      place.innerHTML = text;
      const log = place.querySelector(".log");
      if (log) log.scrollTop = atEnd ? log.scrollHeight : at;
    }
    if (stage(place) !== before) location.reload();
    else again();
  };
  const log = place.querySelector(".log");
  if (log) log.scrollTop = log.scrollHeight;
  again();
}
