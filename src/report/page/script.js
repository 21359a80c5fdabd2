"use strict";
(function () {
  var root = document.documentElement;
  root.classList.add("js");
  function all(selector, within) { return Array.prototype.slice.call((within || document).querySelectorAll(selector)); }
  var theme = document.getElementById("theme");
  function turn() {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }
  if (theme) theme.onclick = turn;
  var players = all(".player").map(function (player) {
    var steps = all("ol.steps > li", player), range = player.querySelector("input[type=range]"), at = -1, timer = 0;
    var label = player.querySelector(".at"), play = player.querySelector(".play");
    function show(n) {
      at = Math.max(-1, Math.min(steps.length - 1, n));
      steps.forEach(function (step, i) { step.hidden = at >= 0 && i !== at; });
      range.value = at + 1;
      label.textContent = at < 0 ? "all " + steps.length + " steps" : "step " + (at + 1) + " of " + steps.length;
    }
    function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); }
    function toggle() {
      if (timer) return stop();
      if (at >= steps.length - 1) show(-1);
      play.textContent = "Pause"; play.setAttribute("aria-pressed", "true");
      timer = setInterval(function () { if (at >= steps.length - 1) stop(); else show(at + 1); }, 1200);
      show(at + 1);
    }
    player.querySelector(".prev").onclick = function () { stop(); show(at - 1); };
    player.querySelector(".next").onclick = function () { stop(); show(at + 1); };
    player.querySelector(".all").onclick = function () { stop(); show(-1); };
    play.onclick = toggle;
    range.oninput = function () { stop(); show(range.value - 1); };
    show(-1);
    return { step: function (by) { stop(); show(at + by); }, toggle: toggle };
  });
  var search = document.getElementById("search"), kinds = all("#kinds input"), counted = document.getElementById("counted");
  var objects = all("[data-find]");
  function filter() {
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
    var wanted = kinds.filter(function (k) { return k.checked; }).map(function (k) { return k.value; });
    objects.forEach(function (object) {
      var fits = wanted.indexOf(object.dataset.kind) >= 0 && words.every(function (w) { return object.dataset.find.indexOf(w) >= 0; });
      object.hidden = !fits;
      if (fits) shown++;
    });
    counted.textContent = shown + " of " + objects.length;
  }
  if (search) { search.oninput = filter; kinds.forEach(function (k) { k.onchange = filter; }); filter(); }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(input|select|textarea)$/i.test(event.target.tagName) && event.target.type !== "range") {
      if (event.key === "Escape") { event.target.blur(); }
      return;
    }
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); }
    else if (event.key === "t") turn();
    else if (event.key === "j" || event.key === "k") players.forEach(function (p) { p.step(event.key === "j" ? 1 : -1); });
    else if (event.key === " " && players.length && event.target === document.body) { event.preventDefault(); players.forEach(function (p) { p.toggle(); }); }
    else if (event.key === "e") { var closed = all("details:not([open])").length > 0; all("details").forEach(function (d) { d.open = closed; }); }
  });
})();
