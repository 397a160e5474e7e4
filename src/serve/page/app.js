// What makes the pages live: times in the reader's zone, forms through the API, uploads, refreshing, keys.
(() => {
  "use strict";
  const words = JSON.parse(document.body.dataset.words);
  const lang = document.documentElement.lang;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (sentence, ...values) => values.reduce((text, value) => text.replace("{}", value), sentence);
  // A form with a field that is called "dataset" hides its own property of that name.
  const dataset = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "dataset").get;
  const dataOf = (element) => dataset.call(element);
  document.documentElement.classList.add("js");

  // Numbers and times
  const number = (value) => new Intl.NumberFormat(lang).format(value);
  const size = (n) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    for (; n >= 999.5 && at < 4; at++) n /= 1000;
    return `${n.toFixed(at > 0 && n < 9.95 ? 1 : 0)} ${units[at]}`;
  };
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  const full = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
  const near = new Intl.DateTimeFormat(lang, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const far = new Intl.DateTimeFormat(lang, { year: "numeric", month: "short", day: "numeric" });
  const when = (at) => {
    const seconds = (at - Date.now()) / 1000;
    if (seconds > 0 || seconds < -86400 * 2) return (at.getFullYear() === new Date().getFullYear() ? near : far).format(at);
    if (seconds > -45) return words.now;
    if (seconds > -3600) return relative.format(Math.round(seconds / 60), "minute");
    return seconds > -86400 ? relative.format(Math.round(seconds / 3600), "hour") : near.format(at);
  };
  const localise = (root = document) => $$("time[datetime]", root).forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const text = when(at);
    if (time.textContent !== text) time.textContent = text;
    time.title = full.format(at);
  });

  // The API
  class Refused extends Error {}
  const explain = (status, body) => {
    if (status === 401 && location.pathname !== "/login") return words.signIn;
    return (body && (body.detail || body.title)) || `${words.refused} (${status})`;
  };
  const call = async (url, method, body) => {
    const headers = { "X-Requested-With": "pcore", Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(url, { method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Refused(words.unreachable);
    }
    const text = await response.text();
    let answer = null;
    try { answer = text ? JSON.parse(text) : null; } catch { /* no JSON: the status says enough */ }
    if (!response.ok) throw new Refused(explain(response.status, answer));
    return answer;
  };
  const go = (then, answer) => {
    if (!then) return location.reload();
    const path = then.replace("{id}", encodeURIComponent(answer?.id ?? ""));
    // A path of this server, never another site.
    location.href = /^\/(?![/\\])/.test(path) ? path : "/";
  };

  // Telling
  const toast = (text) => {
    const box = $(".toast");
    box.textContent = text;
    box.classList.add("shown");
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => box.classList.remove("shown"), 6000);
  };
  const complain = (near, text) => {
    const box = near && $(".form-error", near);
    if (!box) return text && toast(text);
    box.textContent = text;
    box.hidden = !text;
  };
  const ask = (text) => new Promise((answer) => {
    const dialog = $(".ask");
    $("#ask-text", dialog).textContent = text || words.sure;
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });

  // Forms: names with points make objects in objects.
  const typed = (input) => {
    const value = input.value;
    switch (input.dataset.type) {
      case "number": return value === "" ? undefined : Number(value);
      case "percent": return value === "" ? undefined : Number((Number(value) / 100).toPrecision(12));
      case "boolean": return input.type === "checkbox" ? input.checked : value === "true";
      case "lines": return value.split("\n").map((line) => line.trim()).filter(Boolean);
      // What is no JSON is refused by the server, in its words.
      case "json": try { return JSON.parse(value); } catch { return value; }
      case "numbers": return value === "" ? undefined : value.split(",").map(Number);
      default: return value === "" ? undefined : value;
    }
  };
  const gathered = (form, submitter) => {
    const body = {};
    const inputs = [...form.elements].filter((input) => input.name && !input.matches("button, :disabled") && (input.type !== "radio" || input.checked));
    for (const input of submitter?.name ? [...inputs, submitter] : inputs) {
      const value = typed(input);
      if (value === undefined) continue;
      const path = input.name.split(".");
      const last = path.pop();
      const place = path.reduce((object, key) => (object[key] ??= {}), body);
      place[last] = value;
    }
    return body;
  };
  const busy = (element, is) => $$("button", element).concat(element.matches("button") ? element : []).forEach((button) => {
    if (is) button.dataset.was = button.disabled ? "off" : "";
    button.disabled = is || button.dataset.was === "off";
  });
  const submit = async (form, submitter) => {
    complain(form, "");
    const { api, method = "POST", then } = dataOf(form);
    const body = gathered(form, submitter);
    busy(form, true);
    try {
      const answer = await call(api, method, body);
      if ("token" in dataOf(form)) {
        $("[data-secret]", form).textContent = answer.token;
        $(".secret", form).hidden = false;
        busy(form, false);
      } else go(then, answer);
    } catch (error) {
      busy(form, false);
      complain(form, error.message);
    }
  };
  const press = async (button) => {
    const { api, method = "POST", then, sure } = button.dataset;
    if (sure && !(await ask(sure))) return;
    busy(button, true);
    try {
      const answer = await call(api, method);
      if ("removes" in button.dataset) button.closest("[data-item]").remove();
      else go(then, answer);
    } catch (error) {
      busy(button, false);
      complain(null, error.message);
    }
  };

  // Uploads: files that were dropped, folders and all that is in them.
  const isImage = (file) => /\.(png|jpe?g|tiff?|bmp|webp|pgm|ppm|pnm)$/i.test(file.name) && !file.name.startsWith(".");
  const inFolder = async (entry, path = "") => {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail));
      return [{ file, name: path + file.name }];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const part = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!part.length) return found;
      for (const inner of part) found.push(...(await inFolder(inner, `${path}${entry.name}/`)));
    }
  };
  const dropped = async (transfer) => {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
    return (await Promise.all(entries.map((entry) => inFolder(entry)))).flat();
  };
  const post = (url, form, told) => new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-Requested-With", "pcore");
    request.upload.onprogress = (event) => told(event.loaded, event.total);
    request.onerror = () => fail(new Refused(words.unreachable));
    request.onload = () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* no JSON: the status says enough */ }
      if (request.status >= 200 && request.status < 300) done(answer);
      else fail(new Refused(explain(request.status, answer)));
    };
    request.send(form);
  });
  const uploader = (form) => {
    const { upload: url, field, then, maxFiles = Infinity, maxBytes = Infinity } = dataOf(form);
    const inBatches = "batch" in dataOf(form);
    const drop = $("[data-drop]", form);
    const button = $("button:not([type='button'])", form);
    let files = [];
    const choose = (chosen) => {
      files = drop ? chosen.filter(({ file }) => isImage(file)) : chosen;
      const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
      const isMany = !inBatches && files.length > Number(maxFiles), isLarge = !inBatches && bytes > Number(maxBytes);
      complain(form, !files.length && chosen.length ? words.noFiles : isMany ? say(words.tooMany, number(maxFiles)) : isLarge ? say(words.tooLarge, size(Number(maxBytes))) : "");
      if (drop) $(".drop-chosen", drop).textContent = files.length ? say(words.files, number(files.length), size(bytes)) : "";
      button.disabled = !files.length || isMany || isLarge;
    };
    $$("input[type='file']", form).forEach((input) => input.addEventListener("change", () => choose([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })))));
    if (drop) {
      const over = (is) => (event) => { event.preventDefault(); drop.classList.toggle("over", is); };
      for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, over(true));
      drop.addEventListener("dragleave", over(false));
      drop.addEventListener("drop", async (event) => {
        over(false)(event);
        try { choose(await dropped(event.dataTransfer)); } catch (error) { complain(form, error.message); }
      });
    }
    const batches = () => {
      if (!inBatches) return [files];
      const most = Math.min(50, Number(maxFiles)), mostBytes = Math.min(64e6, Number(maxBytes));
      const all = [];
      let bytes = Infinity;
      for (const one of files) {
        if (bytes + one.file.size > mostBytes || all.at(-1).length >= most) { all.push([]); bytes = 0; }
        all.at(-1).push(one);
        bytes += one.file.size;
      }
      return all;
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const box = $(".sending", form), bar = $("progress", box), text = $("p", box);
      const fields = gathered(form);
      const all = files.reduce((sum, { file }) => sum + file.size, 0) || 1;
      let before = 0, answer = null;
      box.hidden = false;
      complain(form, "");
      busy(form, true);
      try {
        for (const batch of batches()) {
          const body = new FormData();
          for (const [key, value] of Object.entries(fields)) body.append(key, value);
          for (const { file, name } of batch) body.append(field, file, name);
          const bytes = batch.reduce((sum, { file }) => sum + file.size, 0);
          answer = await post(url, body, (sent, total) => {
            bar.value = Math.min(1, (before + bytes * sent / (total || 1)) / all);
            text.textContent = sent >= total ? words.taken : say(words.sending, `${Math.floor(bar.value * 100)} %`);
          });
          before += bytes;
        }
        go(then, answer);
      } catch (error) {
        busy(form, false);
        box.hidden = true;
        complain(form, error.message);
      }
    });
  };

  // Refreshing: the server renders, and what differs is exchanged, so that nothing that stays the same moves.
  const keyOf = (node) => node.nodeType === 1 ? node.getAttribute("data-key") || node.id : "";
  const morph = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) return old.replaceWith(fresh);
    if (old.nodeType !== 1) { old.nodeValue = fresh.nodeValue; return; }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !["open", "class"].includes(name)) old.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    if (old.nodeName === "PROGRESS") old.value = fresh.value;
    const known = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const own = keyOf(child) && known.get(keyOf(child));
      if (own) {
        if (own === at) at = at.nextSibling; else old.insertBefore(own, at);
        morph(own, child);
      } else if (at && !keyOf(child) && !keyOf(at)) {
        const next = at.nextSibling;
        morph(at, child);
        at = next;
      } else old.insertBefore(child, at);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  };
  let fetching = null;
  const refresh = (ids) => fetching ??= (async () => {
    try {
      const response = await fetch(location.href, { headers: { "X-Requested-With": "pcore" }, credentials: "same-origin" });
      if (!response.ok || response.redirected) return false;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      localise(page);
      const pairs = ids.map((id) => [document.getElementById(id), page.getElementById(id)]).filter(([old, fresh]) => old && fresh);
      await Promise.all(pairs.flatMap(([old, fresh]) => $$(".stage image", fresh).filter((image) => !$(`image[href="${image.getAttribute("href")}"]`, old)).map(async (image) => {
        const ahead = new Image();
        ahead.src = image.getAttribute("href");
        await Promise.race([ahead.decode().catch(() => null), new Promise((done) => setTimeout(done, 1500))]);
      })));
      for (const [old, fresh] of pairs) if (!old.contains(document.activeElement?.closest("input, select, textarea"))) morph(old, fresh);
      document.dispatchEvent(new Event("refreshed"));
      return true;
    } catch { return false; } finally { fetching = null; }
  })();
  const polls = (element) => setInterval(() => document.hidden || refresh([element.id]), Number(element.dataset.refresh));
  const events = (element) => {
    const live = $("[data-live]");
    const tell = (is) => { if (live) { live.textContent = is ? words.live : words.lost; live.classList.toggle("on", is); } };
    const ids = [element.id, "results", "job-actions", "line-actions"];
    let timer = null, wants = false;
    const soon = () => {
      wants = true;
      timer ??= setTimeout(async () => {
        timer = null;
        wants = false;
        await refresh(ids);
        if (wants) soon();
      }, element.id === "line" ? 250 : 700);
    };
    const source = new EventSource(element.dataset.events);
    source.addEventListener("open", () => tell(true));
    source.addEventListener("error", () => tell(false));
    source.addEventListener("result", soon);
    source.addEventListener("line", soon);
    source.addEventListener("job", (event) => {
      soon();
      if (["completed", "failed", "cancelled"].includes(JSON.parse(event.data).state)) source.close();
    });
    addEventListener("pagehide", () => source.close());
  };

  // Keys of lists
  const keys = (list) => addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
    const items = $$("[data-item] a", list), now = items.indexOf(document.activeElement);
    const tops = items.map((item) => item.getBoundingClientRect().top);
    const columns = Math.max(1, tops.filter((top) => Math.abs(top - tops[0]) < 4).length);
    const step = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step && items.length && (now >= 0 || !event.key.startsWith("Arrow"))) {
      event.preventDefault();
      items[now < 0 ? 0 : Math.min(items.length - 1, Math.max(0, now + step))].focus();
    } else if (event.key === "g") $("[data-key-g]")?.click();
    else if (event.key === "t") $("[data-key-t]")?.click();
    else if (event.key === "/") { const search = $("input[type='search']"); if (search) { event.preventDefault(); search.focus(); } }
  });

  // Choices that are kept in cookies
  const remember = (name, value) => { document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax`; };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !dataOf(form).api) return;
    event.preventDefault();
    submit(form, event.submitter);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.api) press(button);
    if (button.dataset.setLang) { remember("lang", button.dataset.setLang); location.reload(); }
    if ("copy" in button.dataset) navigator.clipboard?.writeText($("[data-secret]").textContent).then(() => toast(words.copied));
  });
  document.addEventListener("change", async (event) => {
    const input = event.target;
    if (input.dataset.cookie) {
      remember(input.dataset.cookie, input.value);
      if (input.dataset.cookie === "theme") document.documentElement.dataset.theme = input.value; else location.reload();
    }
    if (input.dataset.label) {
      try { await call(input.dataset.label, "PATCH", { label: input.value || null }); toast(words.saved); } catch (error) { complain(null, error.message); }
    }
    if (input.dataset.shows) $$(`[data-${input.dataset.shows}]`, input.form).forEach((part) => { part.hidden = part.disabled = part.dataset[input.dataset.shows] !== input.value; });
    if (input.form && "auto" in dataOf(input.form)) input.form.requestSubmit();
  });

  localise();
  setInterval(() => localise(), 30000);
  $$("form[data-upload]").forEach(uploader);
  $$("[data-refresh]").forEach(polls);
  $$("[data-events]").forEach(events);
  $$("[data-list]").slice(0, 1).forEach(keys);
  window.pcore = { $, $$, say, words, call, complain, busy, lang };
})();
