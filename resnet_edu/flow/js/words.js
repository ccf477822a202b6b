// What the numbers are, in words and as rendered mathematics.

const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
const i = (text) => `<mi>${text}</mi>`;
const n = (text) => `<mn>${text}</mn>`;
const o = (text) => `<mo${/[()]/.test(text) ? ' stretchy="false"' : ""}>${text}</mo>`;
const sub = (a, b) => `<msub>${a}${b}</msub>`;
const over = (a, b) => `<mfrac>${a}${b}</mfrac>`;
const norm = (...parts) => `<msub><mrow>${o("‖")}${parts.join("")}${o("‖")}</mrow>${n("2")}</msub>`;
const partial = (a, b) => over(row(o("∂"), a), row(o("∂"), b));
const L = i("ℒ");
const W = sub(i("W"), i("l"));
const Y = sub(i("y"), i("l"));

/** MathML, ready to be put on a page. */
const math = (body, text) => `<math display="block" aria-label="${text}">${body}</math>`;

const cosine = row(over(
  row(i("g"), o("("), i("x"), o(")"), o("·"), i("g"), o("("), i("x′"), o(")")),
  row(o("‖"), i("g"), o("("), i("x"), o(")"), o("‖"), o("‖"), i("g"), o("("), i("x′"), o(")"), o("‖")),
));

/** By quantity: its name on a button, on an axis, its formula, and what it means. */
export const WORDS = {
  weight: {
    button: "weight gradient",
    title: "weight gradient ‖∂ℒ/∂W‖ of each layer",
    formula: math(norm(partial(L, W)), "norm of the gradient of the loss with respect to the weights of layer l"),
    meaning: "How strongly the loss pulls on a layer's weights. Far smaller in one layer than in another: that layer hardly learns. Far larger: one step throws it about.",
  },
  activation: {
    button: "activation gradient",
    title: "activation gradient ‖∂ℒ/∂y‖ of each unit",
    formula: math(norm(partial(L, Y)), "norm of the gradient of the loss with respect to the output of unit l"),
    meaning: "The signal that comes back through the net: how much the loss would change if a unit's output did. It starts at the loss, on the right.",
  },
  ratio: {
    button: "update : weight",
    title: "update : weight ‖ΔW‖ / ‖W‖ of each layer",
    formula: math(over(norm(o("Δ"), W), norm(W)), "norm of the update over norm of the weights"),
    meaning: "By what share one step changes a layer's weights. A rule of thumb is one thousandth; far above, training is rough; far below, hardly anything moves.",
    rule: "rule of thumb: 10⁻³",
  },
  correlation: {
    button: "gradient correlation",
    title: "correlation of gradients at nearby inputs",
    formula: math(row(i("cos"), o("="), cosine), "cosine between the gradients at an input and at a nearby one"),
    meaning: "Do two nearly equal images want the same change? 1: yes. Near 0: the gradients are as unlike as noise, however large they are (Balduzzi 2017).",
  },
};

/** The formulas that textbooks draw, as mathematics. */
export const CHAINS = {
  plain: math(row(over(row(i("d"), i("y")), row(i("d"), i("x"))), o("="), `<msup>${i("w")}${i("n")}</msup>`), "w to the n"),
  residual: math(row(over(row(i("d"), i("y")), row(i("d"), i("x"))), o("="), `<msup><mrow>${o("(")}${n("1")}${o("+")}${i("w")}${o(")")}</mrow>${i("n")}</msup>`), "one plus w, to the n"),
};
