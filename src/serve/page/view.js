// One image at large: zoom, heat, boxes, neighbours; and the threshold of a detector.
(() => {
  "use strict";
  const { $, $$, say, words, call, complain, busy } = window.pcore;

  // The heat's strength is kept from image to image.
  const heat = $("[data-heat]");
  const strengthen = () => {
    const strength = heat ? Number(heat.value) : 60;
    $$(".heat").forEach((image) => { image.style.opacity = strength / 100; });
  };
  if (heat) {
    try { heat.value = localStorage.getItem("heat") ?? heat.value; } catch { /* nothing is kept: as well */ }
    heat.addEventListener("input", () => {
      strengthen();
      try { localStorage.setItem("heat", heat.value); } catch { /* nothing is kept: as well */ }
    });
    strengthen();
  }
  $("[data-contours]")?.addEventListener("change", (event) => $(".stage").classList.toggle("without-contours", !event.target.checked));

  // An image that is gone says so.
  const watch = () => $$(".stage image").forEach((image) => {
    if (image.dataset.watched) return;
    image.dataset.watched = "1";
    image.addEventListener("error", () => { if (image.classList.contains("raw")) $(".stage-lost", image.closest(".stage")).hidden = false; else image.remove(); });
  });
  watch();
  document.addEventListener("refreshed", watch);

  // Zoom: what is seen is the view box, in pixels of the image.
  const stage = $(".result-view .stage"), picture = stage && $(".picture", stage);
  if (picture) {
    const width = Number(picture.dataset.width), height = Number(picture.dataset.height);
    let [x, y, zoom] = [0, 0, 1];
    const draw = () => {
      const [w, h] = [width / zoom, height / zoom];
      x = Math.min(Math.max(0, x), width - w);
      y = Math.min(Math.max(0, y), height - h);
      picture.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
      stage.classList.toggle("zoomed", zoom > 1);
      $$("image", picture).forEach((image) => { image.style.imageRendering = zoom > 6 ? "pixelated" : "auto"; });
    };
    const at = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      return [Math.min(width, Math.max(0, point.x)), Math.min(height, Math.max(0, point.y))];
    };
    const zoomTo = (next, [px, py] = [x + width / zoom / 2, y + height / zoom / 2]) => {
      next = Math.min(32, Math.max(1, next));
      x = px - (px - x) * zoom / next;
      y = py - (py - y) * zoom / next;
      zoom = next;
      draw();
    };
    picture.addEventListener("wheel", (event) => {
      if (zoom === 1 && event.deltaY > 0) return;
      event.preventDefault();
      zoomTo(zoom * Math.exp(-event.deltaY * 0.0016), at(event));
    }, { passive: false });
    picture.addEventListener("dblclick", (event) => zoomTo(zoom > 1 ? 1 : 4, at(event)));
    const zooms = { in: () => zoomTo(zoom * 1.5), out: () => zoomTo(zoom / 1.5), whole: () => zoomTo(1) };
    $$("[data-zoom]").forEach((button) => button.addEventListener("click", () => zooms[button.dataset.zoom]()));

    // A drag moves the image, or draws a box.
    const drawer = $("[data-draw]"), form = $("[data-feedback]");
    const isDrawing = () => drawer?.getAttribute("aria-pressed") === "true";
    const setDrawing = (is) => { drawer.setAttribute("aria-pressed", is); stage.classList.toggle("drawing", is); };
    drawer?.addEventListener("click", () => setDrawing(!isDrawing()));
    const boxed = (from, to) => {
      const [left, top] = [0, 1].map((axis) => Math.floor(Math.min(from[axis], to[axis])));
      const [right, bottom] = [0, 1].map((axis) => Math.min([width, height][axis], Math.ceil(Math.max(from[axis], to[axis]))));
      return [left, top, right - left, bottom - top];
    };
    const show = (box) => {
      const rect = $(".marked", picture) ?? picture.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
      rect.setAttribute("class", "marked");
      ["x", "y", "width", "height"].forEach((name, axis) => rect.setAttribute(name, box[axis]));
      form.elements.box.value = box.join(",");
      $("[data-boxed]").textContent = say(words.boxed, box.join(", "));
    };
    let drag = null;
    picture.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || (zoom === 1 && !isDrawing())) return;
      event.preventDefault();
      picture.setPointerCapture(event.pointerId);
      drag = { from: at(event), isBox: isDrawing() };
    });
    picture.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const to = at(event);
      if (drag.isBox) {
        const box = boxed(drag.from, to);
        if (box[2] > 0 && box[3] > 0) show(box);
      } else {
        x += drag.from[0] - to[0];
        y += drag.from[1] - to[1];
        draw();
      }
    });
    const end = () => { if (drag?.isBox) setDrawing(false); drag = null; };
    picture.addEventListener("pointerup", end);
    picture.addEventListener("pointercancel", end);

    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
      const follow = (selector) => $(selector)?.click();
      const act = {
        ArrowLeft: () => follow("[data-previous]"), ArrowRight: () => follow("[data-next]"), k: () => follow("[data-previous]"), j: () => follow("[data-next]"),
        "+": zooms.in, "=": zooms.in, "-": zooms.out, 0: zooms.whole, Escape: () => drawer && setDrawing(false),
        h: () => { heat.value = Number(heat.value) > 0 ? 0 : 60; heat.dispatchEvent(new Event("input")); },
      }[event.key];
      if (act) { event.preventDefault(); act(); }
    });
    $$("[data-of-region]").forEach((row) => {
      const light = (is) => () => $(`[data-region="${row.dataset.ofRegion}"]`, picture)?.classList.toggle("lit", is);
      row.addEventListener("pointerenter", light(true));
      row.addEventListener("pointerleave", light(false));
    });
  }

  // The nearest normal patches
  const shown = (source, alt) => Object.assign(new Image(128, 128), { src: source, alt });
  const cutOf = (box) => {
    // The same surroundings of this image as the server shows of the normal one.
    const raw = $(".stage .raw"), [left, top, w, h] = box;
    const span = (start, length, all) => {
      const side = Math.min(all, Math.max(128, 3 * length));
      return [Math.min(all - side, Math.max(0, start + length / 2 - side / 2)), side];
    };
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const [x, columns] = span(left, w, Number(raw.getAttribute("width"))), [y, rows] = span(top, h, Number(raw.getAttribute("height")));
    svg.setAttribute("viewBox", `${x} ${y} ${columns} ${rows}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", box.join(", "));
    const image = raw.cloneNode();
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    ["x", "y", "width", "height"].forEach((name, axis) => rect.setAttribute(name, box[axis]));
    rect.setAttribute("class", "marked");
    svg.append(image, rect);
    return svg;
  };
  const patchCard = (patch, at) => {
    const item = document.createElement("li");
    item.className = "panel tile still";
    const pair = document.createElement("div");
    pair.className = "pair";
    pair.append(cutOf(patch.box), patch.picture ? shown(patch.picture, patch.name ?? "") : document.createElement("span"));
    const line = (name, text) => Object.assign(document.createElement("span"), { className: name, textContent: text });
    item.append(pair, line("tile-name", patch.name ?? patch.missing ?? ""), line("tile-foot number", `${say(words.patch, at + 1)}, ${say(words.distance, patch.distance.toPrecision(4))}`));
    if (!patch.picture && patch.missing && patch.name) item.append(line("tile-foot muted", patch.missing));
    return item;
  };
  $("[data-explain]")?.addEventListener("click", async (event) => {
    const button = event.currentTarget, section = button.closest("section"), text = button.textContent;
    complain(section, "");
    busy(button, true);
    button.textContent = words.looking;
    try {
      const { patches } = await call(button.dataset.explain, "GET");
      $(".patches", section).replaceChildren(...patches.map(patchCard));
      if (!patches.length) complain(section, words.nothingNear);
      button.hidden = patches.length > 0;
    } catch (error) {
      complain(section, error.message);
    }
    button.textContent = text;
    busy(button, false);
  });

  // The threshold: what would happen, before it does.
  const panel = $("[data-thresholds]"), slider = panel && $("[data-alphas]", panel);
  if (slider) {
    const alphas = slider.dataset.alphas.trim().split(/\s+/).map(Number);
    const first = slider.value, chart = $(".histogram", panel), apply = $("[data-apply]", panel);
    const percent = (rate) => `${Number((rate * 100).toPrecision(3))} %`;
    const raw = (score) => score === null ? "–" : score.toFixed(Math.abs(score) >= 1000 ? 0 : Math.abs(score) >= 1 ? 3 : 4);
    const figure = (name, value) => { $(`[data-figure="${name}"]`, panel).textContent = value; };
    const draw = ({ alpha, threshold, recent }) => {
      const counted = (marks, is) => recent.filter(({ score, mark }) => marks.includes(mark) && is(score)).length;
      const above = (score) => threshold !== null && score > threshold;
      figure("expected", percent(alpha));
      figure("alarms", recent.filter(({ score }) => above(score)).length);
      figure("false", counted(["false_alarm", "good"], above));
      figure("missed", counted(["defect", "missed"], (score) => !above(score)));
      $("[data-threshold]", panel).textContent = raw(threshold);
      complain(panel, threshold === null ? words.noThreshold : "");
      if (!chart) return;
      const [low, high] = [Number(chart.dataset.low), Number(chart.dataset.high)];
      const place = threshold === null ? -9 : Math.min(602, (threshold - low) / (high - low) * 600);
      ["x1", "x2"].forEach((name) => $("line.c-threshold", chart).setAttribute(name, place));
      $(".c-alarm", chart).setAttribute("x", threshold === null ? 600 : place);
    };
    let asked = 0, timer = null;
    slider.addEventListener("input", () => {
      const alpha = alphas[Number(slider.value)], turn = ++asked;
      $("[data-rate]", panel).textContent = percent(alpha);
      slider.setAttribute("aria-valuetext", percent(alpha));
      slider.form.elements.alpha.value = alpha;
      if (apply) apply.disabled = slider.value === first;
      clearTimeout(timer);
      timer = setTimeout(async () => {
        try {
          const seen = await call(`${panel.dataset.thresholds}?alpha=${alpha}`, "GET");
          if (turn === asked) draw(seen);
        } catch (error) {
          if (turn === asked) complain(panel, error.message);
        }
      }, 120);
    });
    slider.setAttribute("aria-valuetext", percent(alphas[Number(slider.value)]));
  }
})();
