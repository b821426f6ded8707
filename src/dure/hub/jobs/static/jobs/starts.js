// Says when a job of the size that is typed would start. Without it a button of the form does.
const PAUSE_MS = 400;
const place = document.querySelector("[data-starts]");
const field = document.querySelector("[name=accelerators]");
let waiting;

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const size = encodeURIComponent(field.value);
    const answer = await fetch(`${place.dataset.starts}?accelerators=${size}`);
    if (answer.ok && !answer.redirected) place.innerHTML = await answer.text();
  }, PAUSE_MS);
});
