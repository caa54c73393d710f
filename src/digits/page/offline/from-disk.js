// Says why nothing works on a page that was opened from the disk. It is no module, as browsers load none from there.

if (location.protocol === "file:") {
  document.documentElement.classList.add("offline");
  document.querySelector("main").textContent =
    "This page was opened from the disk, where browsers load no modules. Put its folder on a web space, or run there: python -m http.server 8000, and open localhost:8000 in a browser.";
}
