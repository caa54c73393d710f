// Lines across the flow, from what weighs most in a value to the value.

const SVG = "http://www.w3.org/2000/svg";

export class Links {
  root = document.createElementNS(SVG, "svg");

  constructor() {
    this.root.setAttribute("class", "links");
    this.root.setAttribute("aria-hidden", "true");
  }

  // Each link is {from, to: places in the flow, share: -1 to 1}.
  show(links) {
    this.root.replaceChildren(...links.map(({ from: [x0, y0], to: [x1, y1], share }) => {
      const path = document.createElementNS(SVG, "path");
      const bend = (x1 - x0) / 2;
      path.setAttribute("d", `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`);
      path.setAttribute("class", share < 0 ? "against" : "for");
      path.style.strokeWidth = `${1 + 2 * Math.abs(share)}px`;
      return path;
    }));
  }
}
