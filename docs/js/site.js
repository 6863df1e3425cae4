// What the theme leaves out for keyboards and screen readers.
const wraps = () => [...document.querySelectorAll(".md-typeset__scrollwrap")];

// Tables that are wider than the page scroll inside it, by keyboard too.
const reach = () => wraps().forEach((wrap, index) => {
  if (wrap.scrollWidth <= wrap.clientWidth) return;
  wrap.tabIndex = 0;
  wrap.setAttribute("role", "region");
  wrap.setAttribute("aria-label", `Table ${index + 1}`);
});

addEventListener("load", () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  setTimeout(reach); // the theme wraps the tables while it starts
});
addEventListener("resize", reach);
