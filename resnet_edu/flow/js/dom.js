// Elements, made and changed with as few writes as possible.

const SVG = "http://www.w3.org/2000/svg";

function built(element, attributes, children) {
  set(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element: h("p", { class: "note" }, "text"). */
export function h(tag, attributes = {}, ...children) {
  return built(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes = {}, ...children) {
  return built(document.createElementNS(SVG, tag), attributes, children);
}

/** Sets attributes where they differ; null and false remove one; functions are listeners. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === null || value === false || value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

/** Sets the text of an element where it differs. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element that has the focus, also inside a shadow root. */
export function focused(root) {
  return root.getRootNode().activeElement;
}

/** The size of an element's type, in pixels. */
export const typeOf = (element) => parseFloat(getComputedStyle(element).fontSize) || 14;

/** How far an element's top is from the window's, before anything around it is scrolled. */
export function topOf(element) {
  let top = element.getBoundingClientRect().top;
  for (let around = element; around; around = around.parentNode ?? around.host) top += around.scrollTop ?? 0;
  return top;
}

/** Width and height inside the padding, in whole pixels. */
export function sizeOf(element) {
  return { width: Math.floor(element.clientWidth), height: Math.floor(element.clientHeight) };
}

/** Calls `act(fraction)` while a pointer is dragged along an element; a vertical swipe still scrolls. */
export function onDrag(element, fractionAt, act) {
  let held = false;
  const move = (event) => act(fractionAt(event.clientX - element.getBoundingClientRect().left));
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = true;
    if (event.pointerType !== "touch") element.setPointerCapture(event.pointerId);
    if (event.pointerType !== "touch") move(event);
  });
  element.addEventListener("pointermove", (event) => held && move(event));
  element.addEventListener("pointerup", (event) => {
    if (held && event.pointerType === "touch") move(event);
    held = false;
  });
  element.addEventListener("pointercancel", () => (held = false)); // the browser scrolls the page instead
}
