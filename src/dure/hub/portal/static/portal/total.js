// Adds up the points while they are typed. Without it the form works the same.
for (const form of document.querySelectorAll("form[data-total]")) {
  const line = form.querySelector(".total");
  const inputs = [...form.querySelectorAll("input[data-points]")];
  const add = () => {
    const sum = inputs.reduce((total, input) => total + (Number.parseInt(input.value, 10) || 0), 0);
    line.querySelector("output").textContent = sum;
  };
  line.hidden = false;
  form.addEventListener("input", add);
  add();
}
