(() => {
  const table = document.getElementById("images");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const find = document.getElementById("find");
  const outcome = document.getElementById("outcome");
  const count = document.getElementById("count");
  document.querySelector(".tools").hidden = false;

  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = (!outcome.value || row.cells[0].textContent === outcome.value)
        && row.textContent.toLowerCase().includes(wanted);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  find.addEventListener("input", filter);
  outcome.addEventListener("change", filter);
  filter();

  const key = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const compare = (a, b) => {
    const [x, y] = [parseFloat(a), parseFloat(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const numeric = head.classList.contains("number");
    head.addEventListener("click", () => {
      const down = head.ariaSort ? head.ariaSort === "ascending" : numeric;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.ariaSort = down ? "descending" : "ascending";
      const sign = down ? -1 : 1;
      rows.sort((a, b) => sign * (numeric ? compare(key(a, column), key(b, column))
        : key(a, column).localeCompare(key(b, column), undefined, { numeric: true })));
      body.append(...rows);
    });
  });
})();
(() => {
  const slider = document.getElementById("slider");
  if (!slider) return;
  const cut = document.getElementById("cut");
  const said = document.getElementById("cut-said");
  const value = document.getElementById("cut-at");
  const command = document.getElementById("cut-command");
  const cells = ["passed", "alarms", "missed", "found"].map((name) => document.getElementById(`cut-${name}`));
  const scores = slider.dataset.scores.split(",").map(Number);
  const truth = slider.dataset.truth;
  slider.hidden = false;

  const share = (part, whole) => `${(100 * part / whole).toFixed(1)} % (${part} of ${whole})`;
  const show = () => {
    const at = Number(cut.value);
    const above = { n: 0, a: 0, u: 0 };
    const all = { n: 0, a: 0, u: 0 };
    scores.forEach((score, index) => {
      all[truth[index]] += 1;
      above[truth[index]] += score > at + 1e-4 * Math.abs(at);
    });
    const words = [];
    if (all.a) words.push(`Recall ${share(above.a, all.a)}.`);
    if (all.n) words.push(`False alarms ${share(above.n, all.n)}.`);
    words.push(`${above.n + above.a + above.u} of ${scores.length} images anomalous.`);
    said.textContent = words.join(" ");
    value.textContent = at.toPrecision(5);
    const counts = [all.n - above.n, above.n, all.a - above.a, above.a];
    cells.forEach((cell, index) => { if (cell) cell.textContent = counts[index]; });
    if (command) command.textContent = `${slider.dataset.command}${at.toPrecision(7)}`;
  };
  cut.addEventListener("input", show);
  show();
})();
