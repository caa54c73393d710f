// What the pages do beyond the theme: pictures that move can be stopped, what scrolls sideways can be
// reached by the keyboard, and the search has a name for who can't see it.

document.querySelector(".md-search")?.setAttribute("aria-label", "Search");

for (const picture of document.querySelectorAll("picture.moving")) {
  const source = picture.querySelector("source");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "md-button motion";
  const show = (still) => {
    source.media = still ? "all" : "not all";
    button.textContent = still ? "Play" : "Stop";
    button.onclick = () => show(!still);
  };
  show(matchMedia(source.media).matches);
  picture.after(button);
}

// The theme wraps tables when the document is there, which it has asked to be told before this module.
addEventListener("DOMContentLoaded", () => {
  const reach = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const sideways = ".md-typeset__scrollwrap, .md-typeset pre > code, div.formula";
  for (const element of document.querySelectorAll(sideways)) reach.observe(element);
});
