// What runs in the browser: sliders to numbers and back, the question to be asked, and its order.
//
// The controls together say a query, as a link does. A lane asks the server one thing about it (the
// numbers, why, the front) and has one question under way; what is asked meanwhile waits, and the
// newest of it alone goes next. So answers come in order however fast a slider is dragged, and no
// answer to an older question is ever shown after a newer one's.
(function () {
  "use strict";

  const { parseInt, parseFloat, ...strings } = window.flashOwn;
  Object.assign(window, { parseInt, parseFloat });
  for (const [name, own] of Object.entries(strings))
    Object.defineProperty(String.prototype, name, { value: own, writable: true, configurable: true });

  const PATIENCE = 700; // ms, after which a newer question doesn't wait for an answer any more
  const CALM = 250; // ms between drawings while a slider is dragged
  const WEIGHT = "weight_";
  const props = (id, what) => window.dash_clientside.set_props(id, what);
  const element = (id) => document.getElementById(id);

  class Lane {
    constructor(store, after) {
      this.store = store; // where a question is put for the server's callback
      this.after = after; // ms that a question rests, for a newer one to take its place
      this.last = 0; // the number of the last question
      this.shown = 0; // that of the newest answer
      this.busy = 0; // that of the question under way, or 0
      this.since = 0;
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
      props(this.store, { data: { ...this.next, n: this.busy } });
      this.next = null;
    }

    done(n) {
      this.shown = Math.max(this.shown, n);
      if (n >= this.busy) this.free();
    }

    free() {
      this.busy = 0;
      if (this.next) this.ask(this.next);
    }

    get idle() {
      return !this.busy && !this.next;
    }
  }

  const lanes = {
    answer: new Lane("ask-answer", 0),
    picture: new Lane("ask-picture", CALM),
    reasons: new Lane("ask-reasons", CALM),
    front: new Lane("ask-front", CALM),
  };

  // numbers, as a person writes them

  const digits = (value) => {
    if (!Number.isFinite(value)) return "";
    const text = String(value);
    return text.includes("e+") ? value.toLocaleString("en", { useGrouping: false }) : text;
  };
  const free = (scale, place) => (scale.greatest ? place >= scale.steps : place <= 0);

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
    if (free(scale, place)) return null;
    const share = Math.min(Math.max(place / scale.steps, 0), 1);
    const raw = scale.log
      ? scale.low * Math.exp(share * Math.log(scale.high / scale.low))
      : scale.low + share * (scale.high - scale.low);
    const end = share === 0 || share === 1;
    const value = end ? rounded(raw, scale.greatest) : rounded(raw);
    return scale.whole ? Math.round(value) : value;
  }

  function placeOf(scale, value) {
    if (value === null) return scale.greatest ? scale.steps : 0;
    if (scale.high <= scale.low) return Math.round(scale.steps / 2);
    const inside = Math.min(Math.max(value, scale.low), scale.high);
    const share = scale.log
      ? Math.log(inside / scale.low) / Math.log(scale.high / scale.low)
      : (inside - scale.low) / (scale.high - scale.low);
    // a limit is not at the end that stands for none
    const [least, most] = scale.greatest ? [0, scale.steps - 1] : [1, scale.steps];
    return Math.min(Math.max(Math.round(share * scale.steps), least), most);
  }

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
    return `${scale.label} must be a number${of}${above}, as ${digits(rounded(scale.high))}; got ${bareOf(text)}`;
  }

  // the page's controls, and the query that they say

  let settings = null; // of the page: {scales, weights, fronts, targets, query}
  let good = []; // of each field the last number that could be read
  let rest = []; // parts of a link that no control shows
  let current = null; // the query on the screen
  let address = 0;

  const bareOf = (text) => String(text ?? "").trim().replaceAll(",", "");

  // Buttons that stay pressed: what is chosen, by the id of their group.
  const chipsOf = (id) => [...document.querySelectorAll(`#${id} > button`)];

  const chosen = (id) =>
    chipsOf(id)
      .filter((one) => one.getAttribute("aria-pressed") === "true")
      .map((one) => one.dataset.value);

  const choose = (id, values) =>
    chipsOf(id).forEach((one) =>
      one.setAttribute("aria-pressed", String(values.includes(one.dataset.value))),
    );

  function pressed(button) {
    const group = button.parentElement;
    const value = button.dataset.value;
    const now = chosen(group.id);
    if (group.dataset.single) choose(group.id, [value]);
    else choose(group.id, now.includes(value) ? now.filter((one) => one !== value) : [...now, value]);
    if (group.id !== "view") asked();
    else if (current !== null) lanes.picture.ask({ query: current, view: value });
    still();
  }

  function queryOf(texts, where) {
    const [codesign, fronts, [target]] = ["codesign", "fronts", "target"].map(chosen);
    settings.scales.forEach((scale, i) => {
      // what cannot be read changes nothing
      if (!wrongOf(scale, texts[i])) good[i] = numberOf(texts[i]);
    });
    const said = settings.scales.map(({ key }, i) => [key, good[i] === null ? "" : digits(good[i])]);
    const usual = ([key, text]) => Number(text || 0) === Number(settings.weights[key] ?? 0);
    const weights = said.filter(([key]) => key.startsWith(WEIGHT));
    // weights go together: where they are the usual ones a link names none of them
    const unsaid = weights.every(usual);
    const pairs = said.filter(
      ([key, text]) => text !== "" && !(key.startsWith(WEIGHT) && (unsaid || Number(text) === 0)),
    );
    if (codesign.length) pairs.push(["codesign", "1"]);
    const condition = String(where ?? "").trim();
    if (condition) pairs.push(["where", condition]);
    if (settings.fronts.join() !== fronts.join()) for (const one of fronts) pairs.push(["front", one]);
    if (target && target !== settings.targets[0]) pairs.push(["target", target]);
    return new URLSearchParams([...rest, ...pairs]).toString();
  }

  // What the controls show of a query; what none shows is kept for the next.
  function read(query) {
    const given = new URLSearchParams(query);
    const taken = new Set(["codesign", "front", "target", "where"]);
    const weighed = [...given.keys()].some((name) => name.startsWith(WEIGHT));
    const texts = settings.scales.map((scale) => {
      const { key } = scale;
      taken.add(key);
      const usual = weighed ? "" : (settings.weights[key] ?? "");
      const text = given.get(key) ?? usual;
      return text === "" || wrongOf(scale, text) ? text : digits(numberOf(text));
    });
    good = texts.map((text) => (Number.isFinite(numberOf(text)) ? numberOf(text) : null));
    rest = [...given].filter(([name]) => !taken.has(name));
    const fronts = given.getAll("front");
    choose("codesign", ["1", "true"].includes(given.get("codesign")) ? ["1"] : []);
    choose("fronts", fronts.length ? fronts : settings.fronts);
    choose("target", [given.get("target") ?? settings.targets[0]]);
    return { texts, where: given.getAll("where").join(" and ") };
  }

  const placesOf = (texts) =>
    settings.scales.map((scale, i) => {
      const value = numberOf(texts[i]);
      return placeOf(scale, Number.isFinite(value) ? value : null);
    });

  // A pointer or a reader of screens is told the value, not the place on the slider.
  function tell(i, text) {
    const scale = settings.scales[i];
    const slider = element(`place-${i}`);
    if (!slider) return;
    const said = text ? `${text} ${scale.unit}`.trim() : scale.none;
    slider.setAttribute("aria-valuetext", said);
    slider.closest(".control").classList.toggle("unlimited", text === "");
    element(`limit-${i}`).setAttribute("aria-invalid", String(wrongOf(scale, text) !== ""));
  }

  let held = { texts: [], where: "" }; // what the fields say

  function asked() {
    const { texts, where } = held;
    const query = queryOf(texts, where);
    typed = settings.scales.map((scale, i) => wrongOf(scale, texts[i])).filter((text) => text);
    lanes.answer.ask({ query });
    if (typed.length) messages([]);
  }

  function collect(...args) {
    const skip = window.dash_clientside.no_update;
    const context = window.dash_clientside.callback_context;
    const first = settings === null;
    settings = args[args.length - 1];
    const n = settings.scales.length;
    const load = args[0];
    let places = args.slice(1, 1 + n);
    let texts = args.slice(1 + n, 1 + 2 * n);
    let where = args[1 + 2 * n];
    const out = new Array(2 * n + 1).fill(skip);
    const ids = context.triggered.map((one) => one.prop_id.split(".")[0]);
    if (first || ids.includes("load")) {
      const query = first ? window.location.search.slice(1) || settings.query : load.query;
      ({ texts, where } = read(query));
      places = placesOf(texts);
      out.splice(0, out.length, ...places, ...texts, where);
      texts.forEach((text, i) => tell(i, text));
      // a part that cannot be read is told by the server: the link goes there as it is
      held = { texts, where };
      lanes.answer.ask({ query: first ? query : queryOf(texts, where) });
      still();
      return out;
    }
    for (const id of ids) {
      const [kind, place] = id.split("-");
      const i = Number(place);
      if (kind === "place") {
        const value = valueAt(settings.scales[i], Number(places[i]));
        texts[i] = out[n + i] = value === null ? "" : digits(value);
      } else if (kind === "limit") out[i] = placesOf(texts)[i];
      if (kind === "place" || kind === "limit") tell(i, String(texts[i] ?? ""));
    }
    held = { texts, where };
    asked();
    still();
    return out;
  }

  // answers: what the server tells is written as text, never read as a page

  function made(tag, text, kind) {
    const one = document.createElement(tag);
    if (text !== undefined && text !== null) one.textContent = text;
    if (kind) one.className = kind;
    return one;
  }

  function row(cells) {
    const one = made("tr");
    one.append(...cells);
    return one;
  }

  function measured([label, text, interval, limit, share]) {
    const head = made("th", label);
    head.scope = "row";
    const of = made("td", limit, "limit");
    if (share !== null) {
      const bar = made("span", null, "bar");
      const full = made("span", null, "full");
      full.style.width = `${Math.min(Math.max(share, 0), 100)}%`;
      bar.append(full);
      of.append(bar);
    }
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
      const tag = titled && k === 0 ? "th" : "td";
      const whole = typeof some === "string";
      const cells = (whole ? [some] : some).map((text, place) => {
        const cell = made(tag, text, whole || place < left ? "left" : "");
        if (tag === "th") cell.scope = "col";
        if (whole) cell.colSpan = columns;
        return cell;
      });
      const line = row(cells);
      if (k >= rows.length - (foot ?? 0)) line.className = "foot";
      (titled && k === 0 ? head : body).append(line);
    });
    table.append(...(titled ? [head] : []), body);
    return table;
  }

  function leads(text, query, kind, label) {
    const button = made("button", text, kind);
    button.type = "button";
    button.dataset.query = query;
    if (label) button.setAttribute("aria-label", label);
    return button;
  }

  const write = (id, text) => {
    const one = element(id);
    if (one && one.textContent !== text) one.textContent = text;
  };

  let typed = []; // what is wrong with the fields
  let answered = []; // and with the last question

  function messages(texts) {
    answered = texts;
    const all = [...new Set([...typed, ...answered])];
    element("messages").replaceChildren(...all.map((text) => made("p", text, "message")));
  }

  function told(data) {
    if (!data) return;
    const newest = data.n > lanes.answer.shown;
    lanes.answer.done(data.n);
    if (!newest) return;
    current = data.query;
    document.body.dataset.query = data.query;
    document.body.dataset.answered = data.n;
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
    }, CALM);
    if (data.cards) ({ here, limits } = data);
    painted(() => {
      move();
      lanes.front.ask({ query: data.query, key: shown });
      lanes.picture.ask({ query: data.query, view: chosen("view")[0] });
      lanes.reasons.ask({ query: data.query });
      clearTimeout(late);
      late = setTimeout(slow, 2 * CALM);
      settle();
    });
    settle();
  }

  // The numbers are to be seen before anything else is done.
  let waiting = null;

  function painted(then) {
    const first = waiting === null;
    waiting = then;
    if (!first) return;
    requestAnimationFrame(() =>
      setTimeout(() => {
        const now = waiting;
        waiting = null;
        now();
      }, 0),
    );
  }

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
    const proof = element(`proof-${i}`).textContent;
    if (!card.conflicts.length && !card.binds.length && card.message !== proof)
      found.push(made("p", card.message, "note"));
    found.push(...doubts(card.flags));
    return found;
  }

  let late = 0;

  function slow() {
    if (!lanes.front.idle) write("front-said", "working out every trade-off ...");
  }

  function reasoned(data) {
    if (!data) return;
    lanes.reasons.done(data.n);
    if (data.messages) messages(data.messages);
    (data.cards ?? []).forEach((card, i) => {
      const place = element(`reasons-${i}`);
      const open = Boolean(place.querySelector("details[open]"));
      place.replaceChildren(...explained(card, i));
      const fold = place.querySelector("details");
      if (fold) fold.open = open;
    });
    settle();
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

  let shown = ""; // which front is drawn
  let said = ""; // of it
  let here = null; // where the answer is on it, and budgets are
  let limits = [null, null];

  function drawn(data) {
    if (!data) return;
    lanes.front.done(data.n);
    if (lanes.front.idle) clearTimeout(late);
    if (data.key !== null) {
      shown = data.key;
      said = data.said;
      const offers = data.offers.map(([text, query]) => leads(text, query, "remedy"));
      element("front-offers").replaceChildren(...offers);
      follow();
    }
    if (lanes.front.idle) write("front-said", said);
    settle();
  }

  // The answer and the budgets alone: drawing the whole front anew at every drag takes longer.
  function move() {
    const plot = document.querySelector("#front .js-plotly-plot");
    const shapes = plot && plot.layout && window.Plotly ? (plot.layout.shapes ?? []) : [];
    const change = {};
    const set = (k, values) => {
      for (const [name, value] of Object.entries(values))
        if (shapes[k][name] !== value) change[`shapes[${k}].${name}`] = value;
    };
    shapes.forEach((shape, k) => {
      if (shape.name === "here") {
        const [x, y] = here ?? [shape.xanchor, shape.yanchor];
        set(k, { visible: here !== null, xanchor: x, yanchor: y });
      }
      ["x", "y"].forEach((axis, place) => {
        if (shape.name !== `limit-${axis}`) return;
        const limit = limits[place];
        const at = limit ?? shape[`${axis}0`];
        set(k, { visible: limit !== null, [`${axis}0`]: at, [`${axis}1`]: at });
      });
    });
    if (Object.keys(change).length) window.Plotly.relayout(plot, change);
  }

  // The front may have been drawn for an older answer than the newest.
  function follow() {
    const plot = document.querySelector("#front .js-plotly-plot");
    if (!plot || !plot.on || plot.dataset.followed) return;
    plot.dataset.followed = "1";
    plot.on("plotly_afterplot", () => setTimeout(move, 0));
  }

  // For whoever looks on: a test, a reader of screens. What a person does is on its way to `collect`
  // for a moment, or comes to nothing.
  let stirred = 0;

  function stir() {
    clearTimeout(stirred);
    stirred = setTimeout(still, 2 * CALM);
    document.body.dataset.calm = "";
  }

  function still() {
    clearTimeout(stirred);
    stirred = 0;
    settle();
  }

  for (const kind of ["input", "change", "pointerup", "keydown"])
    document.addEventListener(kind, stir, true);

  function settle() {
    const calm = !stirred && waiting === null && Object.values(lanes).every((lane) => lane.idle);
    document.body.dataset.calm = calm ? "1" : "";
    const main = document.querySelector("main");
    if (main) main.setAttribute("aria-busy", calm ? "false" : "true");
  }

  // what goes wrong on the way

  function lost(text) {
    const bar = element("lost");
    if (!bar) return;
    bar.textContent = text;
    bar.hidden = !text;
  }

  const fetched = window.fetch;
  window.fetch = async function (...args) {
    const asked = String(args[0] && args[0].url ? args[0].url : args[0]);
    const own = asked.includes("_dash-update-component");
    try {
      const response = await fetched.apply(this, args);
      if (own && response.ok) lost("");
      else if (own && response.status !== 204) {
        lost(`The explorer answered with the fault ${response.status}. Its log says more.`);
        for (const lane of Object.values(lanes)) lane.busy = 0;
      }
      return response;
    } catch (error) {
      if (own) {
        lost("The explorer has ended. Start it again in the terminal: what is shown stays, and the " +
          "link in the address bar leads back to it.");
        for (const lane of Object.values(lanes)) lane.busy = 0;
      }
      throw error;
    }
  };

  // buttons that lead to a state, and such as copy a text

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("chip")) pressed(button);
    else if ("query" in button.dataset) {
      props("load", { data: { query: button.dataset.query, t: Date.now() } });
    } else if ("copy" in button.dataset) {
      const what = button.dataset.copy;
      const text = what === "link"
        ? `${window.location.origin}/${current ? `?${current}` : ""}`
        : element(what).textContent;
      copy(text).then(() => {
        const said = element("copied");
        said.textContent = `${button.textContent.trim()}: copied`;
        setTimeout(() => (said.textContent = ""), 2500);
      });
    }
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explore: { collect, told, pictured, reasoned, drawn, wrong },
  });
  window.flashExplore = { valueAt, settings: () => settings };
})();
