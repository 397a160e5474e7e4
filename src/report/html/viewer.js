(() => {
  const view = document.getElementById("view");
  const links = [...document.querySelectorAll(".card a")];
  if (!view?.showModal || !links.length) return;
  const part = (name) => document.getElementById(`view-${name}`);
  const [said, count, heat, both, previous, next, close, lost] =
    ["said", "count", "heat", "both", "previous", "next", "close", "lost"].map(part);
  const [image, map] = ["image", "map"].map((name) => part(name).firstElementChild);
  const maps = "report_files/map/";
  const place = (link) => link.dataset.p ?? link.getAttribute("href").slice(maps.length);
  let at = 0;
  let isHot = true;
  let isBoth = null; // As the picture has it, until somebody chooses.

  const dress = () => {
    const wide = isBoth ?? links[at].parentElement.classList.contains("wide");
    view.classList.toggle("cold", !isHot);
    view.classList.toggle("both", wide);
    heat.setAttribute("aria-pressed", isHot);
    both.setAttribute("aria-pressed", wide);
  };
  const show = (index) => {
    if (index < 0 || index >= links.length) return;
    at = index;
    const link = links[at];
    view.classList.remove("lost");
    lost.hidden = true;
    image.src = `report_files/image/${place(link)}`;
    map.src = maps + place(link);
    map.alt = link.firstElementChild.alt;
    const told = link.nextElementSibling;
    said.textContent = [".badge", ".path", ".scores", ".details"]
      .map((name) => told.querySelector(name)?.textContent).filter(Boolean).join("  \u00b7  ");
    count.textContent = `${at + 1} of ${links.length}`;
    previous.disabled = at === 0;
    next.disabled = at === links.length - 1;
    dress();
    for (const near of [links[at + 1], links[at - 1]]) if (near) new Image().src = maps + place(near);
  };
  const turnHeat = () => { isHot = !isHot; dress(); };
  const turnBoth = () => { isBoth = !view.classList.contains("both"); dress(); };

  map.addEventListener("error", () => {
    if (view.classList.contains("lost")) return;
    view.classList.add("lost");
    lost.hidden = false;
    map.src = links[at].firstElementChild.src;
  });
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    view.showModal();
    show(index);
  }));
  heat.addEventListener("click", turnHeat);
  both.addEventListener("click", turnBoth);
  previous.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  close.addEventListener("click", () => view.close());
  view.addEventListener("click", (event) => { if (event.target === view) view.close(); });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1), h: turnHeat, b: turnBoth }
      [event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  view.addEventListener("close", () => {
    const link = links[at];
    const folded = link.closest("details");
    if (folded) folded.open = true;
    link.focus();
  });
})();
