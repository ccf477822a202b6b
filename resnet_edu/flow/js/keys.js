// Keys: space plays, arrows step, Home and End; on a unit, arrows go to its neighbours.

/** The listener for keys of a picture. */
export function keysOf(picture) {
  return (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    const act = onUnit(picture, target, event.key) ?? onPlayer(picture, target, event.key);
    if (!act) return;
    event.preventDefault();
    act();
  };
}

function onUnit(picture, target, key) {
  const unit = target.closest?.(".unit");
  if (!unit) return null;
  if (key === "Enter" || key === " ") return () => unit.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  if (/^Arrow|^Home$|^End$/.test(key)) return () => picture.reader.moveFocus(key);
  if (key === "Escape" && picture.state.open) return () => picture.change({ open: "" });
  return null;
}

function onPlayer(picture, target, key) {
  if (target.closest?.("select, input, textarea, [contenteditable]")) return null;
  if (key === " ") return target.closest?.("button") ? null : () => picture.toggle();
  const acts = {
    ArrowRight: () => picture.step(1), ArrowLeft: () => picture.step(-1),
    Home: () => picture.end(true), End: () => picture.end(false),
  };
  if (target.closest?.(".scrub")) Object.assign(acts, { ArrowUp: acts.ArrowRight, ArrowDown: acts.ArrowLeft });
  return acts[key] ?? null;
}
