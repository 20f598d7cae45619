// Runs before the first paint, so that a light page never flashes dark. The rest of the theme is in src/app/theme.ts.
(function () {
  var wish = null;
  try {
    wish = localStorage.getItem("rookery.theme");
  } catch (_) {}
  var light = wish === "light" || (wish !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
