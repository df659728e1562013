// What runs in the browser: sliders to numbers and back, the question to be asked, and its order.
//
// The controls together say a query, as a link does. A lane asks the server one thing about it (the
// numbers, why, the front) and has one question under way; what is asked meanwhile waits, and the
// newest of it alone goes next. So answers come in order however fast a slider is dragged, and no
// answer to an older question is ever shown after a newer one's.
(function () {
  "use strict";

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

  const numberOf = (text) => {
    const bare = bareOf(text);
    return bare === "" ? null : Number(bare);
  };

  // the page's controls, and the query that they say

  let settings = null; // of the page: {scales, weights, fronts, targets, query}
  let rest = []; // parts of a link that no control shows
  let current = null; // the query on the screen
  let address = 0;

  const bareOf = (text) => String(text ?? "").trim().replaceAll(",", "");

  function queryOf(texts, codesign, fronts, target, where) {
    const said = settings.scales.map((scale, i) => [scale.key, bareOf(texts[i])]);
    const usual = ([key, text]) => Number(text || 0) === Number(settings.weights[key] ?? 0);
    const weights = said.filter(([key]) => key.startsWith(WEIGHT));
    // weights go together: where they are the usual ones a link names none of them
    const unsaid = weights.every(usual);
    const pairs = said.filter(
      ([key, text]) => text !== "" && !(key.startsWith(WEIGHT) && (unsaid || Number(text) === 0)),
    );
    if (codesign && codesign.length) pairs.push(["codesign", "1"]);
    const condition = String(where ?? "").trim();
    if (condition) pairs.push(["where", condition]);
    if (settings.fronts.join() !== (fronts ?? []).join())
      for (const one of fronts ?? []) pairs.push(["front", one]);
    if (target && target !== settings.targets[0]) pairs.push(["target", target]);
    return new URLSearchParams([...rest, ...pairs]).toString();
  }

  // What the controls show of a query; what none shows is kept for the next.
  function read(query) {
    const given = new URLSearchParams(query);
    const taken = new Set(["codesign", "front", "target", "where"]);
    const weighed = [...given.keys()].some((name) => name.startsWith(WEIGHT));
    const texts = settings.scales.map(({ key }) => {
      taken.add(key);
      const usual = weighed ? "" : (settings.weights[key] ?? "");
      return given.get(key) ?? usual;
    });
    rest = [...given].filter(([name]) => !taken.has(name));
    const fronts = given.getAll("front");
    return {
      texts,
      codesign: ["1", "true"].includes(given.get("codesign")) ? ["1"] : [],
      fronts: fronts.length ? fronts : settings.fronts,
      target: given.get("target") ?? settings.targets[0],
      where: given.getAll("where").join(" and "),
    };
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
    const value = numberOf(text);
    element(`limit-${i}`).setAttribute("aria-invalid", String(value !== null && !(value === value)));
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
    let [codesign, fronts, target, where] = args.slice(1 + 2 * n, 5 + 2 * n);
    const out = new Array(2 * n + 4).fill(skip);
    const ids = context.triggered.map((one) => one.prop_id.split(".")[0]);
    if (first || ids.includes("load")) {
      const query = first ? window.location.search.slice(1) || settings.query : load.query;
      const all = read(query);
      ({ texts, codesign, fronts, target, where } = all);
      places = placesOf(texts);
      out.splice(0, out.length, ...places, ...texts, codesign, fronts, target, where);
      texts.forEach((text, i) => tell(i, text));
      // a part that cannot be read is told by the server: the link goes there as it is
      lanes.answer.ask({ query: first ? query : queryOf(texts, codesign, fronts, target, where) });
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
    const query = queryOf(texts, codesign, fronts, target, where);
    lanes.answer.ask({ query });
    return out;
  }

  // answers

  function told(data) {
    if (!data) return;
    lanes.answer.done(data.n);
    current = data.query;
    const body = document.body;
    body.dataset.answered = data.n;
    clearTimeout(address);
    address = setTimeout(() => {
      const to = data.query ? `?${data.query}` : window.location.pathname;
      window.history.replaceState(null, "", to);
    }, CALM);
    move(data.here);
    lanes.reasons.ask({ query: data.query });
    lanes.front.ask({ query: data.query, key: shown });
    settle();
    return;
  }

  function reasoned(data) {
    if (data) lanes.reasons.done(data.n);
    settle();
    return;
  }

  let shown = ""; // which front is drawn
  let here = null; // where its current point is to be

  function drawn(data) {
    if (!data) return;
    lanes.front.done(data.n);
    if (data.key !== null) shown = data.key;
    settle();
    return;
  }

  // The current point alone: drawing the whole front anew at every drag would take longer.
  function move(point) {
    here = point;
    const plot = document.querySelector("#front .js-plotly-plot");
    if (!plot || !plot.data || !window.Plotly || !point) return;
    const trace = plot.data.findIndex((one) => one.meta === "here");
    if (trace < 0) return;
    const [x, y] = point;
    const old = plot.data[trace];
    if (old.x[0] === x && old.y[0] === y) return;
    window.Plotly.restyle(plot, { x: [[x]], y: [[y]] }, [trace]);
  }

  // For whoever looks on: a test, a reader of screens.
  function settle() {
    const calm = Object.values(lanes).every((lane) => lane.idle);
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
    if ("query" in button.dataset) {
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
    explore: { collect, told, reasoned, drawn },
  });
  window.flashExplore = { valueAt, placeOf, rounded, lanes };
})();
