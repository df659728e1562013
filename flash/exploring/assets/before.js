// Before dash's polyfill: it puts slow functions in the place of the browser's own (explore.js puts
// these back), and plotly calls them for every point it draws.
window.flashOwn = {
  trim: String.prototype.trim,
  trimStart: String.prototype.trimStart,
  trimEnd: String.prototype.trimEnd,
  parseInt: window.parseInt,
  parseFloat: window.parseFloat,
};
