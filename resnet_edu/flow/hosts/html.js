import { mount } from "./picture.js";

const data = JSON.parse(document.getElementById("flow-data").textContent);
const picture = mount(document.getElementById("flow"), data, {
  query: location.hash.slice(1),
  keys: document,
  height: "page",
  onState: (query) => history.replaceState(null, "", `#${query}`),
});
addEventListener("hashchange", () => picture.show(location.hash.slice(1)));
globalThis.flow = picture; // for the console
