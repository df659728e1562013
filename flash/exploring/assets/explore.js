// What runs in the browser: sliders to numbers and back, the question to be asked, and its order.
//
// The controls together say a query, as a link does. A lane asks the server one thing about it (the
// numbers, the reasons, the picture, the front) and has one question under way; what is asked
// meanwhile waits, and the newest of it alone goes next. So answers come in order however fast a
// slider is dragged, and none to an older question is shown after a newer one's.
//
// Numbers and reasons are written into the page from here, as text: a drag goes through nothing
// else. Charts, files and the page itself are dash's, whose stores carry questions and answers.
(function () {
  "use strict";

  // The browser's own functions, in the place of those that dash's polyfill has put there.
  const { parseInt, parseFloat, ...strings } = window.flashOwn;
  Object.assign(window, { parseInt, parseFloat });
  for (const [name, own] of Object.entries(strings))
    Object.defineProperty(String.prototype, name, { value: own, writable: true, configurable: true });

  const PATIENCE = 700; // ms, after which a newer question doesn't wait for an answer any more
  const CALM = 250; // ms between pictures while a slider is dragged
  const WEIGHT = "weight_";
  const ENDED =
    "The explorer has ended. Start it again in the terminal: what is shown stays, and the link in " +
    "the address bar leads back to it.";
  const element = (id) => document.getElementById(id);
  const props = (id, what) => window.dash_clientside.set_props(id, what);

  // making elements: what the server tells is written as text, never read as a page

  function made(tag, text, kind, more) {
    const one = document.createElement(tag);
    if (text !== undefined && text !== null) one.textContent = text;
    if (kind) one.className = kind;
    for (const [name, value] of Object.entries(more ?? {})) one.setAttribute(name, value);
    return one;
  }

  const write = (id, text) => {
    const one = element(id);
    if (one && one.textContent !== text) one.textContent = text;
  };

  // questions

  class Lane {
    constructor(after, send) {
      this.after = after; // ms that a question rests, for a newer one to take its place
      this.give = send;
      this.last = 0; // the number of the last question
      this.shown = 0; // that of the newest answer
      this.busy = 0; // that of the question under way, or 0
      this.since = -Infinity;
      this.next = null;
      this.timer = 0;
    }

    ask(data) {
      this.next = data;
      const waited = performance.now() - this.since;
      if (!this.busy && waited >= this.after) this.send();
      else {
        clearTimeout(this.timer);
        const rest = Math.max((this.busy ? PATIENCE : this.after) - waited, 0);
        this.timer = setTimeout(() => this.next && this.send(), rest);
      }
    }

    send() {
      clearTimeout(this.timer);
      this.busy = ++this.last;
      this.since = performance.now();
      const data = { ...this.next, n: this.busy };
      this.next = null;
      this.give(data, this);
    }

    // Take an answer: whether it is newer than what is shown.
    done(n) {
      const newer = n > this.shown;
      this.shown = Math.max(this.shown, n);
      if (n >= this.busy) this.free();
      return newer;
    }

    free() {
      this.busy = 0;
      if (this.next) this.ask(this.next);
    }

    get idle() {
      return !this.busy && !this.next;
    }
  }

  const stored = (store) => (data) => props(store, { data });

  const posted = (path, take) => async (data, lane) => {
    const options = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(data),
    };
    try {
      const response = await window.fetch(path, options);
      const answer = response.ok ? await response.json() : { n: data.n };
      if (lane.done(data.n) && response.ok) take(answer);
    } catch {
      lane.done(data.n);
    }
    settle();
  };

  const lanes = {
    answer: new Lane(0, posted("/answer", told)),
    reasons: new Lane(CALM, posted("/reasons", reasoned)),
    picture: new Lane(CALM, stored("ask-picture")),
    front: new Lane(CALM, stored("ask-front")),
  };

  // numbers, as a person writes them

  const digits = (value) => {
    if (!Number.isFinite(value)) return "";
    const text = String(value);
    return text.includes("e+") ? value.toLocaleString("en", { useGrouping: false }) : text;
  };

  function rounded(value, up) {
    if (!value) return 0;
    const places = 3 - Math.floor(Math.log10(Math.abs(value)));
    const unit = 10 ** Math.abs(places);
    const near = (whole) => (places >= 0 ? whole / unit : whole * unit);
    const scaled = places >= 0 ? value * unit : value / unit;
    if (up === true) return near(Math.ceil(scaled - 1e-9 * Math.abs(scaled)));
    if (up === false) return near(Math.floor(scaled + 1e-9 * Math.abs(scaled)));
    return near(Math.round(scaled));
  }

  // As Slider.value_at and Slider.place_of in Python; null is no limit.
  function valueAt(scale, place) {
    if (scale.greatest ? place >= scale.steps : place <= 0) return null;
    const share = Math.min(Math.max(place / scale.steps, 0), 1);
    const raw = scale.log
      ? scale.low * Math.exp(share * Math.log(scale.high / scale.low))
      : scale.low + share * (scale.high - scale.low);
    const end = share === 0 || share === 1;
    const value = end ? rounded(raw, scale.greatest) : rounded(raw);
    return scale.whole ? Math.round(value) : value;
  }

  function placeOf(scale, value) {
    if (!Number.isFinite(value)) return scale.greatest ? scale.steps : 0;
    if (scale.high <= scale.low) return Math.round(scale.steps / 2);
    const inside = Math.min(Math.max(value, scale.low), scale.high);
    const share = scale.log
      ? Math.log(inside / scale.low) / Math.log(scale.high / scale.low)
      : (inside - scale.low) / (scale.high - scale.low);
    // a limit is not at the end that stands for none
    const [least, most] = scale.greatest ? [0, scale.steps - 1] : [1, scale.steps];
    return Math.min(Math.max(Math.round(share * scale.steps), least), most);
  }

  const bareOf = (text) => String(text ?? "").trim().replaceAll(",", "");

  // As the command line reads numbers: 4, 0.5, 2e6, 2M; null of nothing.
  const LETTERS = { k: 1e3, m: 1e6, g: 1e9 };

  function numberOf(text) {
    const bare = bareOf(text);
    if (bare === "") return null;
    const letter = LETTERS[bare.slice(-1).toLowerCase()];
    return letter ? Number(bare.slice(0, -1) || NaN) * letter : Number(bare);
  }

  // Why a field's text is not taken, or "".
  function wrongOf(scale, text) {
    const value = numberOf(text);
    if (value === null || (Number.isFinite(value) && (value > 0 || !scale.positive))) return "";
    const of = scale.unit ? ` of ${scale.unit}` : "";
    const above = scale.positive ? " above 0" : "";
    const like = digits(rounded(scale.high));
    return `${scale.label} must be a number${of}${above}, as ${like}; got ${bareOf(text)}`;
  }

  // the page's controls, and the query that they say

  let settings = null; // of the page: {scales, weights, fronts, targets, query}
  let controls = []; // of each scale its slider and its field
  let good = []; // of each field the last number that could be read
  let rest = []; // parts of a link that no control shows
  let current = null; // the query on the screen
  let address = 0;

  function control(scale, i) {
    const box = made("div", null, `control unlimited ${scale.greatest ? "upper" : "lower"}`);
    const slider = made("input", null, "place", {
      type: "range", id: `place-${i}`, min: 0, max: scale.steps, step: 1, autocomplete: "off",
    });
    const field = made("input", null, "limit", {
      type: "text", id: `limit-${i}`, inputmode: "decimal", placeholder: scale.none,
      autocomplete: "off", "aria-label": `${scale.label}, as a number`,
    });
    const value = made("div", null, "value");
    value.append(field, made("span", scale.unit, "unit"));
    box.append(made("label", scale.label, "", { for: slider.id }), value, slider);
    slider.addEventListener("input", () => {
      const number = valueAt(scale, Number(slider.value));
      good[i] = number;
      field.value = number === null ? "" : digits(number);
      tell(i);
      asked();
    });
    field.addEventListener("change", () => {
      if (!wrongOf(scale, field.value)) {
        good[i] = numberOf(field.value);
        slider.value = placeOf(scale, good[i] ?? NaN);
      }
      tell(i);
      asked();
    });
    element(scale.group).append(box);
    return { box, slider, field };
  }

  // A reader of screens is told the value, not the place on the slider.
  function tell(i) {
    const scale = settings.scales[i];
    const { box, slider, field } = controls[i];
    const text = good[i] === null ? "" : digits(good[i]);
    slider.setAttribute("aria-valuetext", text ? `${text} ${scale.unit}`.trim() : scale.none);
    box.classList.toggle("unlimited", text === "");
    field.setAttribute("aria-invalid", String(wrongOf(scale, field.value) !== ""));
  }

  // Buttons that stay pressed: what is chosen, by the id of their group.
  const chipsOf = (id) => [...document.querySelectorAll(`#${id} > button`)];

  const chosen = (id) =>
    chipsOf(id)
      .filter((one) => one.getAttribute("aria-pressed") === "true")
      .map((one) => one.dataset.value);

  function choose(id, values) {
    const most = Number(element(id)?.dataset.most ?? Infinity);
    for (const one of chipsOf(id)) {
      const pressed = values.includes(one.dataset.value);
      one.setAttribute("aria-pressed", String(pressed));
      // neither a fourth objective nor a single one is a front
      const barred = most < Infinity && (pressed ? values.length <= 2 : values.length >= most);
      one.setAttribute("aria-disabled", String(barred));
    }
  }

  function pressed(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const group = button.parentElement;
    const value = button.dataset.value;
    const now = chosen(group.id);
    if (group.dataset.single) choose(group.id, [value]);
    else choose(group.id, now.includes(value) ? now.filter((one) => one !== value) : [...now, value]);
    if (group.id !== "view") asked();
    else if (current !== null) lanes.picture.ask({ query: current, view: value });
  }

  function queryNow() {
    const said = settings.scales.map(({ key }, i) => [key, good[i] === null ? "" : digits(good[i])]);
    const usual = ([key, text]) => Number(text || 0) === Number(settings.weights[key] ?? 0);
    const weights = said.filter(([key]) => key.startsWith(WEIGHT));
    // weights go together: where they are the usual ones a link names none of them
    const unsaid = weights.every(usual);
    const pairs = said.filter(
      ([key, text]) => text !== "" && !(key.startsWith(WEIGHT) && (unsaid || Number(text) === 0)),
    );
    const [codesign, fronts, [target]] = ["codesign", "fronts", "target"].map(chosen);
    if (codesign.length) pairs.push(["codesign", "1"]);
    const where = element("where")?.value.trim();
    if (where) pairs.push(["where", where]);
    if (settings.fronts.join() !== fronts.join()) for (const one of fronts) pairs.push(["front", one]);
    if (target && target !== settings.targets[0]) pairs.push(["target", target]);
    return new URLSearchParams([...rest, ...pairs]).toString();
  }

  // Show a query; what no control shows of it is kept for the next.
  function show(query) {
    const given = new URLSearchParams(query);
    const taken = new Set(["codesign", "front", "target", "where"]);
    const weighed = [...given.keys()].some((name) => name.startsWith(WEIGHT));
    settings.scales.forEach((scale, i) => {
      const { slider, field } = controls[i];
      taken.add(scale.key);
      const text = given.get(scale.key) ?? (weighed ? "" : (settings.weights[scale.key] ?? ""));
      const wrong = wrongOf(scale, text) !== "";
      good[i] = wrong ? null : numberOf(text);
      field.value = wrong ? text : good[i] === null ? "" : digits(good[i]);
      slider.value = placeOf(scale, good[i] ?? NaN);
      tell(i);
    });
    rest = [...given].filter(([name]) => !taken.has(name));
    const fronts = given.getAll("front");
    choose("codesign", ["1", "true"].includes(given.get("codesign")) ? ["1"] : []);
    choose("fronts", fronts.length ? fronts : settings.fronts);
    choose("target", [given.get("target") ?? settings.targets[0]]);
    if (element("where")) element("where").value = given.getAll("where").join(" and ");
  }

  function asked() {
    typed = settings.scales.map((scale, i) => wrongOf(scale, controls[i].field.value)).filter(Boolean);
    messages(answered);
    lanes.answer.ask({ query: queryNow() });
    settle();
  }

  function boot(given) {
    if (settings !== null || !given) return;
    settings = given;
    good = settings.scales.map(() => null);
    controls = settings.scales.map(control);
    const condition = element("condition");
    if (condition) {
      const field = made("input", null, "wide", {
        type: "text", id: "where", placeholder: "depth_1 == depth_2", autocomplete: "off",
      });
      field.addEventListener("change", asked);
      condition.append(made("label", "Conditions", "", { for: "where" }), field);
    }
    const query = window.location.search.slice(1) || settings.query;
    show(query);
    // a part that cannot be read is told of by the server: the link goes there as it is
    lanes.answer.ask({ query });
    settle();
  }

  function load(data) {
    if (!data || settings === null) return;
    show(data.query);
    asked();
  }

  // answers

  let typed = []; // what is wrong with the fields
  let answered = []; // and with the last question

  function messages(texts) {
    answered = texts;
    const all = [...new Set([...typed, ...answered])];
    const shown = [...element("messages").children].map((one) => one.textContent);
    if (all.join("\n") !== shown.join("\n"))
      element("messages").replaceChildren(...all.map((text) => made("p", text, "message")));
  }

  function row(cells) {
    const one = made("tr");
    one.append(...cells);
    return one;
  }

  function measured([label, text, interval, limit, share]) {
    const of = made("td", limit, "limit");
    if (share !== null) {
      const bar = made("span", null, "bar");
      const full = made("span", null, "full");
      full.style.width = `${Math.min(Math.max(share, 0), 100)}%`;
      bar.append(full);
      of.append(bar);
    }
    const head = made("th", label, "", { scope: "row" });
    return row([head, made("td", text, "number"), made("td", interval, "interval"), of]);
  }

  // A part as `flash.base.html` has them: a line, or rows, columns to the left, and a head or none.
  function part(one) {
    if (typeof one === "string") return made("p", one, "note");
    const [rows, left, titled, foot] = one;
    const columns = Math.max(1, ...rows.map((some) => (typeof some === "string" ? 1 : some.length)));
    const table = made("table", null, "cells");
    const [head, body] = [made("thead"), made("tbody")];
    rows.forEach((some, k) => {
      const title = titled && k === 0;
      const whole = typeof some === "string";
      const cells = (whole ? [some] : some).map((text, place) => {
        const cell = made(title ? "th" : "td", text, whole || place < left ? "left" : "");
        if (title) cell.scope = "col";
        if (whole) cell.colSpan = columns;
        return cell;
      });
      const line = row(cells);
      if (k >= rows.length - (foot ?? 0)) line.className = "foot";
      (title ? head : body).append(line);
    });
    table.append(...(titled ? [head] : []), body);
    return table;
  }

  function leads(text, query, kind, label) {
    const button = made("button", text, kind, { type: "button" });
    button.dataset.query = query;
    if (label) button.setAttribute("aria-label", label);
    return button;
  }

  function told(data) {
    current = data.query;
    (data.cards ?? []).forEach((card, i) => {
      const badge = element(`status-${i}`);
      badge.textContent = card.status;
      badge.className = `badge ${card.kind}`;
      write(`headline-${i}`, card.headline);
      write(`proof-${i}`, card.proof);
      element(`measures-${i}`).replaceChildren(...card.measures.map(measured));
    });
    if (data.parts) element("parts").replaceChildren(...data.parts.map(part));
    messages(data.messages);
    clearTimeout(address);
    address = setTimeout(() => {
      const to = data.query ? `?${data.query}` : window.location.pathname;
      window.history.replaceState(null, "", to);
      address = 0;
      settle();
    }, CALM);
    if (data.cards) ({ here, limits } = data);
    document.body.dataset.query = data.query;
    document.body.dataset.answered = data.n;
    move();
    later.front(() => {
      if (data.front !== frontAsked) {
        frontAsked = data.front;
        lanes.front.ask({ query: data.query, key: drawnKey });
        clearTimeout(late);
        late = setTimeout(slow, 2 * CALM);
      }
      lanes.reasons.ask({ query: data.query });
    });
    later.picture(() => lanes.picture.ask({ query: data.query, view: chosen("view")[0] }));
  }

  // The numbers are to be seen before anything else is done, and while they move all else is done
  // when they rest, or now and then: a chart takes longer to draw than a slider to move on.
  function rested(pause, often) {
    let then = null;
    let timer = 0;
    let begun = -Infinity;
    let last = -Infinity;
    const run = () => {
      const next = then;
      then = null;
      next?.(); // it may have been done since the frame was asked for
      settle();
    };
    const rest = (next) => {
      const now = performance.now();
      if (then === null) begun = now;
      then = next;
      clearTimeout(timer);
      // a single step has nothing to wait for
      const still = pause <= CALM / 4 && now - last > CALM;
      const left = still ? 0 : Math.max(Math.min(pause, begun + often - now), 0);
      last = now;
      timer = setTimeout(() => requestAnimationFrame(() => setTimeout(run, 0)), left);
    };
    Object.defineProperty(rest, "waits", { get: () => then !== null });
    return rest;
  }

  const later = { front: rested(30, 500), picture: rested(120, 2000) };

  function doubts(flags) {
    const lines = flags.map((text) => made("p", text, "flag"));
    if (lines.length < 3) return lines;
    const fold = made("details", null, "doubts");
    fold.append(made("summary", `${lines.length} doubts about these costs`), ...lines);
    return [fold];
  }

  function explained(card, i) {
    const found = [];
    if (card.conflicts.length) {
      const list = made("ul");
      list.append(...card.conflicts.map((text) => made("li", text)));
      found.push(made("h3", "Why nothing fits"), list);
    }
    if (card.changes.length) {
      found.push(made("h3", "What would do"));
      found.push(...card.changes.map(([text, query]) => leads(text, query, "remedy")));
    }
    if (card.binds.length) found.push(made("h3", "What binds"));
    for (const [text, query, keyword] of card.binds) {
      const line = made("div", null, "binds");
      line.append(made("p", text), leads("Lift it", query, "quiet", `Lift ${keyword}`));
      found.push(line);
    }
    const known = element(`proof-${i}`).textContent.includes(card.message);
    const proven = element(`status-${i}`).classList.contains("optimal");
    if (!card.conflicts.length && !card.binds.length && !proven && !known)
      found.push(made("p", card.message, "note"));
    found.push(...doubts(card.flags));
    return found;
  }

  function reasoned(data) {
    if (data.messages) messages(data.messages);
    (data.cards ?? []).forEach((card, i) => {
      const place = element(`reasons-${i}`);
      const open = Boolean(place.querySelector("details[open]"));
      place.replaceChildren(...explained(card, i));
      const fold = place.querySelector("details");
      if (fold) fold.open = open;
    });
  }

  function pictured(data) {
    if (!data) return;
    lanes.picture.done(data.n);
    if (data.messages) messages(data.messages);
    for (const id of ["command", "python"]) {
      if (!(id in data)) continue;
      write(id, data[id]);
      element(id).parentElement.hidden = !data[id];
      document.querySelector(`button[data-copy="${id}"]`).disabled = !data[id];
    }
    if ("said" in data) write("drawing-said", data.said);
    settle();
  }

  const wrong = (data) => data && messages(data);

  // the front

  let drawnKey = ""; // which is drawn
  let frontAsked = null; // of which budgets it was asked for last
  let said = ""; // of it
  let late = 0;
  let following = 0; // while it is under way to the page
  let here = null; // where the answer is on it, and budgets are
  let limits = [null, null];

  const plotOf = () => document.querySelector("#front .js-plotly-plot");

  const stale = (yes) => element("front")?.parentElement.classList.toggle("stale", yes);

  function slow() {
    if (lanes.front.idle) return;
    write("front-said", "working out every trade-off ...");
    stale(true);
  }

  function drawn(data) {
    if (!data) return;
    lanes.front.done(data.n);
    if (data.key === "") frontAsked = null; // it failed
    if (lanes.front.idle) clearTimeout(late);
    if (data.key !== null) {
      drawnKey = data.key;
      said = data.said;
      const offers = data.offers.map(([text, query]) => leads(text, query, "remedy"));
      element("front-offers").replaceChildren(...offers);
      follow();
    }
    if (lanes.front.idle) {
      write("front-said", said);
      stale(false);
    }
    settle();
  }

  // The answer and the budgets lie over the chart, as the server's pictures have them in it: to move
  // them is nothing, to have plotly draw them anew is most of a frame.
  function move() {
    const plot = plotOf();
    const full = plot?._fullLayout;
    const star = element("here");
    if (!full?.xaxis?.d2p || !star || !points()) {
      for (const id of ["here", "limit-x", "limit-y"]) if (element(id)) element(id).hidden = true;
      return;
    }
    const { xaxis, yaxis } = full;
    const within = (axis, at) => at >= -1 && at <= axis._length + 1;
    const [x, y] = here ? [xaxis.d2p(here[0]), yaxis.d2p(here[1])] : [NaN, NaN];
    star.hidden = !(within(xaxis, x) && within(yaxis, y));
    if (!star.hidden)
      star.style.transform = `translate(${xaxis._offset + x}px, ${yaxis._offset + y}px)`;
    const lines = [[xaxis, yaxis], [yaxis, xaxis]];
    lines.forEach(([axis, other], place) => {
      const line = element(place ? "limit-y" : "limit-x");
      const at = limits[place] === null ? NaN : axis.d2p(limits[place]);
      line.hidden = !within(axis, at);
      if (line.hidden) return;
      const [along, across] = [axis._offset + at, other._offset];
      line.style.transform = `translate(${place ? across : along}px, ${place ? along : across}px)`;
      line.style[place ? "width" : "height"] = `${other._length}px`;
    });
  }

  // It may have been drawn for an older answer than the newest.
  function follow() {
    clearTimeout(following);
    following = 0;
    const plot = plotOf();
    if (!plot?.on || (plot.layout?.meta ?? "") !== drawnKey) {
      following = setTimeout(follow, CALM); // dash has it under way
      return;
    }
    const keep = () => {
      move();
      along(false);
    };
    if (!plot.dataset.followed) plot.on("plotly_afterplot", () => setTimeout(keep, 0));
    plot.dataset.followed = "1";
    keep();
    settle();
  }

  // Along it by keyboard: its points in the order in which they are drawn.
  const points = () => (plotOf()?.data ?? []).find((one) => one.customdata?.length && one.meta === "front");

  function along(moved) {
    const slider = element("along-place");
    if (!slider) return;
    const trace = points();
    const count = trace ? trace.customdata.length : 0;
    slider.disabled = element("along-go").disabled = count === 0;
    slider.max = Math.max(count - 1, 0);
    const k = Number(slider.value);
    const text = count ? `${k + 1} of ${count}: ${trace.hovertext[k].split("<br>").join(", ")}` : "";
    slider.setAttribute("aria-valuetext", text);
    if (moved || !count) write("along-said", text);
  }

  // For whoever looks on: a test, a reader of screens. What a person does is on its way for a moment,
  // or comes to nothing.
  let stirred = 0;

  function stir() {
    clearTimeout(stirred);
    stirred = setTimeout(() => {
      stirred = 0;
      settle();
    }, CALM);
    document.body.dataset.calm = "";
  }

  for (const kind of ["input", "change", "pointerup", "keydown"])
    document.addEventListener(kind, stir, true);

  function settle() {
    const waits = stirred || address || following || Object.values(later).some((one) => one.waits);
    const calm = !waits && Object.values(lanes).every((lane) => lane.idle);
    if (document.body.dataset.calm !== (calm ? "1" : "")) document.body.dataset.calm = calm ? "1" : "";
    document.querySelector("main")?.setAttribute("aria-busy", String(!calm));
  }

  // what goes wrong on the way

  function lost(text) {
    const bar = element("lost");
    if (!bar || bar.textContent === text) return;
    bar.textContent = text;
    bar.hidden = !text;
  }

  const fetched = window.fetch;
  window.fetch = async function (...args) {
    const path = new URL(args[0].url ?? args[0], window.location.href).pathname;
    const own = ["/answer", "/reasons", "/_dash-update-component"].includes(path);
    try {
      const response = await fetched.apply(this, args);
      if (own && response.status < 400) lost("");
      else if (own) failed(`The explorer answered with the fault ${response.status}: its log says more.`);
      return response;
    } catch (error) {
      if (own) failed(ENDED);
      throw error;
    }
  };

  function failed(text) {
    lost(text);
    frontAsked = null;
    for (const lane of [lanes.picture, lanes.front]) lane.busy = 0;
    settle();
  }

  // buttons that lead to a state, and such as copy a text

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = made("textarea", text);
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if (button.classList.contains("chip")) pressed(button);
    else if (button.id === "along-go") {
      const key = points()?.customdata[Number(element("along-place").value)];
      if (key !== undefined) props("go", { data: { key, t: Date.now() } });
    } else if ("query" in button.dataset) load({ query: button.dataset.query });
    else if ("copy" in button.dataset) {
      const what = button.dataset.copy;
      const link = `${window.location.origin}/${current ? `?${current}` : ""}`;
      copy(what === "link" ? link : element(what).textContent).then(() => {
        write("copied", `${button.textContent.trim()}: copied`);
        setTimeout(() => write("copied", ""), 2500);
      });
    }
  });

  document.addEventListener("input", (event) => {
    if (event.target.id === "along-place") along(true);
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explore: { boot, load, pictured, drawn, wrong },
  });
  window.flashExplore = { valueAt, settings: () => settings };
})();
