import { mount } from "./picture.js";

function render({ model, el }) {
  const onState = (query) => {
    model.set("state", query);
    model.save_changes();
  };
  const picture = mount(el, model.get("data"), { query: model.get("state"), onState });
  const update = () => picture.update(model.get("data"));
  const show = () => model.get("state") !== picture.query && picture.show(model.get("state"));
  model.on("change:data", update);
  model.on("change:state", show);
  return () => {
    model.off("change:data", update);
    model.off("change:state", show);
    picture.destroy();
  };
}

export default { render };
