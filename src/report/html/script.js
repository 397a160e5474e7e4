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
