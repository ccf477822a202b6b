import { mount } from "./picture.js";

const mounted = new WeakMap();

/** Streamlit calls this with the same element whenever there are new data. */
export default function ({ parentElement, data, setStateValue }) {
  const { flow, query, height, report = true } = data;
  const known = mounted.get(parentElement);
  if (known) {
    known.picture.update(flow);
    // The page has another view in mind than the picture told it last, such as one of its buttons.
    if (query !== known.query && query !== known.picture.query) known.picture.show(query);
    known.query = query;
  } else {
    const place = parentElement.querySelector(".flow-host");
    const onState = report ? (text) => setStateValue("query", text) : undefined;
    mounted.set(parentElement, { query, picture: mount(place, flow, { query, height, onState }) });
  }
  return () => setTimeout(() => {
    if (parentElement.isConnected) return; // it is only drawn anew
    mounted.get(parentElement)?.picture.destroy();
    mounted.delete(parentElement);
  });
}
