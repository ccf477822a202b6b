// Numbers as text, and where they are in a sorted list.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** -3 → "10⁻³". */
export function power(exponent) {
  return "10" + [...String(exponent)].map((digit) => RAISED[digit]).join("");
}

/** Three significant digits: "0.0123", "1.23 × 10⁻⁵"; null is a number that was not finite. */
export function format(value, digits = 3) {
  if (value === undefined) return "–";
  if (value === null || !Number.isFinite(value)) return "not finite";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e-3 && size < 1e5) return minus(String(Number(value.toPrecision(digits))));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return minus(`${Number(mantissa)} × ${power(Number(exponent))}`);
}

const minus = (text) => text.replace(/^-/, "−");

/** "1,000", "3.1": the factor between two sizes, above one. */
export function factor(a, b) {
  const ratio = Math.max(a / b, b / a);
  return ratio < 1e6 ? Number(ratio.toPrecision(2)).toLocaleString("en") : format(ratio, 2);
}

export const whole = (value) => value.toLocaleString("en");

/** The position of the last element that is not above `value`; -1 if all are. */
export function lastUpTo(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function union(lists) {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}
